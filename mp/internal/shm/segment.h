// mp/internal/shm/segment.h
//
// Segment: a SharedMemory without a file. The user's bytes follow it in its block.
//
// Field   written by                     rule
// next    the holder of family_lock      the next Segment in the list that begins at names
// linked  the holder of family_lock      1: its name finds it, and keeps it alive
// owner   its creator; sweeps            who made it, until that process is dead; then nobody
// size, name   its creator               before it is listed; not changed any more
//
// A Segment is listed before it is linked, and on the list for as long as it is linked: killed in
// between, its creator's entry still holds it, and its end takes it off the list.

#ifndef MP_INTERNAL_SHM_SEGMENT_H_
#define MP_INTERNAL_SHM_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mp/internal/shm/block.h"

namespace mp::internal {

struct alignas(64) Segment {
  // "psm_", eight hexadecimal digits, NUL.
  static constexpr size_t kNameSize = 13;

  Block block;
  std::atomic<uint64_t> next;
  std::atomic<uint32_t> linked;
  std::atomic<uint32_t> owner;  // Owner bits
  uint64_t size;
  char name_text[24];

  std::string_view name() const noexcept { return {name_text, kNameSize - 1}; }
  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};

static_assert(sizeof(Segment) == 128);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_SEGMENT_H_
