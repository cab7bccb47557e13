// mp/internal/shm/block.h
//
// Block: the header of everything allocated in the arena, and the only truth about it. 32 bytes at
// the start of the block; the object's own words follow.
//
// Field   written by                 rule
// state   the holder of alloc_lock   kFree or kLive; the one word that decides after a death
// log2    once, when carved          the block's size is 1 << log2
// kind    allocation                 what it is, for whoever frees it
// flags   anybody, upwards only      kShared: some other process may name it; kDying: whoever dropped
//                                    the last hold is destroying it, or was killed at that
// link    the holder of alloc_lock   free: next free block; live: the block it is part of, or 0
// size    allocation                 bytes asked for, this header included
// backed  the holder of alloc_lock   large blocks: bytes reserved in the memfd; never too few

#ifndef MP_INTERNAL_SHM_BLOCK_H_
#define MP_INTERNAL_SHM_BLOCK_H_

#include <cstddef>
#include <cstdint>

#include "mp/internal/shm/kind.h"
#include "mp/internal/sync/atomics.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct BlockOf {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kLive = 0x6c697665;
  static constexpr uint16_t kShared = 1;
  static constexpr uint16_t kDying = 2;

  Atomic<uint32_t> state;
  uint8_t log2;
  Kind kind;
  Atomic<uint16_t> flags;
  Atomic<uint64_t> link;
  uint64_t size;
  uint64_t backed;
};
using Block = BlockOf<>;

static_assert(sizeof(Block) == 32);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_BLOCK_H_
