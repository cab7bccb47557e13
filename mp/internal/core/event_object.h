// mp/internal/core/event_object.h
//
// EventObject: what an Event is in shared memory, 64 bytes. See EventWord for the protocol.

#ifndef MP_INTERNAL_CORE_EVENT_OBJECT_H_
#define MP_INTERNAL_CORE_EVENT_OBJECT_H_

#include "mp/internal/os/clock.h"
#include "mp/internal/park/event_word.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/event_word.h"

namespace mp::internal {

template <class A = RealAtomics>
struct EventObject {
  Block block;
  EventWord<A> word;

  bool is_set() const noexcept { return EventWord<A>::is_set(word.look()); }
  // A signal handler may do it, also one that interrupts any of these.
  void set() noexcept { park_set(word); }
  void clear() noexcept { word.clear(); }
  bool wait(Deadline deadline) noexcept { return park_wait(word, deadline, *Family::current()); }
};

static_assert(sizeof(EventObject<>) <= 64);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_EVENT_OBJECT_H_
