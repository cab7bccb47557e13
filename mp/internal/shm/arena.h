// mp/internal/shm/arena.h
//
// Arena: the shared memory of a family and its allocator. Blocks are powers of two; below 64 KiB
// they are carved from chunks that stay, from there on each has pages of its own which go back to
// the kernel.
//
// Safety    Any thread of any process of the family; one kill-safe lock.
// Death     A block is free or live by its own header, whatever the lists say; who takes the lock
//           after a dead owner rebuilds lists and sums from the headers. An allocation names its
//           block in `intent` before it is live, so a caller killed in between finds it there, or
//           nobody holds it and it is still free.

#ifndef MP_INTERNAL_SHM_ARENA_H_
#define MP_INTERNAL_SHM_ARENA_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "mp/internal/os/memory.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/layout.h"

namespace mp::internal {

class Arena {
 public:
  // Blocks of this size and above have pages of their own.
  static constexpr uint64_t kLarge = 64 << 10;
  // Free large blocks keep their pages up to this many bytes in all.
  static constexpr uint64_t kCacheLimit = 32 << 20;

  // A new arena, with this process as its only user; `budget` 0 is the default.
  static absl::StatusOr<Arena> create(uint64_t budget);
  // One that was handed over.
  static absl::StatusOr<Arena> open(UniqueFd fd, uint64_t cookie);

  int fd() const noexcept { return mapping_.fd.get(); }
  std::byte* base() const noexcept { return mapping_.base; }
  ArenaHeader& header() const noexcept { return *reinterpret_cast<ArenaHeader*>(base()); }
  Slot& slot(uint32_t i) const noexcept { return reinterpret_cast<Slot*>(base() + kSlotsAt)[i]; }
  Deposit& deposit(uint32_t i) const noexcept {
    return reinterpret_cast<Deposit*>(base() + kDepositsAt)[i];
  }
  template <class T>
  T* at(uint64_t offset) const noexcept {
    return reinterpret_cast<T*>(base() + offset);
  }
  Block* block(uint64_t offset) const noexcept { return at<Block>(offset); }
  uint64_t offset_of(const void* p) const noexcept {
    return static_cast<uint64_t>(static_cast<const std::byte*>(p) - base());
  }

  struct Request {
    Kind kind;
    uint64_t size;          // bytes, the Block included
    uint64_t parent = 0;    // the block it is part of
    uint64_t clear = 0;     // of these, the first so many read 0, the Block aside
    bool metadata = false;  // the family's own lists: may pass the budget
  };
  // Stores the block's offset in `intent` before the block becomes live, and returns it. On failure
  // `intent` is 0.
  absl::StatusOr<uint64_t> allocate(const Request& request, std::atomic<uint64_t>& intent, Owner me,
                                    Liveness& family);

  // Frees a live block; a free one is left as it is.
  void free(uint64_t offset, Owner me, Liveness& family) noexcept;

  // Calls `see` for every live block. Snapshot for tests and reports.
  void each_live(absl::FunctionRef<void(uint64_t offset, const Block&)> see) const;

  // Text for a MemoryError.
  std::string over_budget(uint64_t size) const;

 private:
  explicit Arena(Mapping mapping) : mapping_(std::move(mapping)) {}

  uint64_t small_start() const noexcept { return kHeapAt; }
  uint64_t large_start() const noexcept { return header().size / 4; }
  void lock(Owner me, Liveness& family) noexcept;
  void rebuild() noexcept;
  void walk(uint64_t from, uint64_t to, absl::FunctionRef<void(uint64_t, Block&)> see) const;
  absl::Status carve(int log2, bool metadata);
  absl::Status back(Block& b, uint64_t offset, uint64_t bytes, bool metadata);
  absl::Status charge(uint64_t bytes, bool metadata);
  void trim() noexcept;

  Mapping mapping_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_ARENA_H_
