// mp/internal/shm/kind.h
//
// Kind: what a block of the arena is.

#ifndef MP_INTERNAL_SHM_KIND_H_
#define MP_INTERNAL_SHM_KIND_H_

#include <cstdint>

namespace mp::internal {

enum class Kind : uint8_t {
  kNone = 0,
  kHolders,  // a further page of a process's list of objects
  kTransit,  // a page of the list of handles inside messages
  kSegment,  // part of a queue
  kStart,    // what a child is to run
  kBytes,    // plain memory
  kLock,
  kRLock,
  kValue,  // one element; see core/elements.h
  kArray,  // elements side by side
  kSharedMemory,
  kEvent,
  kBarrier,
  kCondition,  // from here on: objects that have parts
  kQueue,
  kPipe,
  kConnection,
  kSemaphore,
  kKinds,
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_KIND_H_
