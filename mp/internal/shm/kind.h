// mp/internal/shm/kind.h
//
// Kind: what a block of the arena is.

#ifndef MP_INTERNAL_SHM_KIND_H_
#define MP_INTERNAL_SHM_KIND_H_

#include <cstdint>
#include <string_view>

namespace mp::internal {

enum class Kind : uint8_t {
  kNone = 0,
  kHolders,  // a further page of a process's list of objects
  kTransit,  // a page of the list of handles inside messages
  kSegment,  // part of a queue
  kStart,    // what a child is to run
  kLease,    // part of a queue: messages that were taken and are not done with
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
  kSocket,  // one end of a connection to another program
  kKinds,
};

// What error texts call a handle to one: "mp::Lock".
constexpr std::string_view handle_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::kLock:
      return "mp::Lock";
    case Kind::kRLock:
      return "mp::RLock";
    case Kind::kValue:
      return "mp::RawValue";
    case Kind::kArray:
      return "mp::RawArray";
    case Kind::kSharedMemory:
      return "mp::SharedMemory";
    case Kind::kEvent:
      return "mp::Event";
    case Kind::kBarrier:
      return "mp::Barrier";
    case Kind::kCondition:
      return "mp::Condition";
    case Kind::kQueue:
      return "mp::Queue";
    case Kind::kConnection:
    case Kind::kSocket:
      return "mp::Connection";
    case Kind::kSemaphore:
      return "mp::Semaphore";
    default:
      return "mp::handle";
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_KIND_H_
