// mp/internal/park/event.h
//
// Where an EventCount meets the futex.

#ifndef MP_INTERNAL_PARK_EVENT_H_
#define MP_INTERNAL_PARK_EVENT_H_

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/parking.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/sync/event_count.h"

namespace mp::internal {

// After the condition was changed and a full fence: wakes up to `count` sleepers if anybody may
// sleep.
template <class A>
inline void notify(EventCount<A>& ec, int count) noexcept {
  if (ec.pending()) [[unlikely]] {
    auto before = ec.advance();
    A::step("event_count.before_wake");
    int woken = Parking<A>::wake(ec.seq, count);
    A::step("event_count.before_serve");
    ec.serve(before, static_cast<uint32_t>(woken),
             woken < count || A::kBug == Bug::kClearWaitersOnUnlock);
  }
}

// Waits until `ready()` is true; false when `deadline` passed first. `ready` has no side effects.
template <class A, class Ready>
bool await(EventCount<A>& ec, Deadline deadline, Liveness& family, int64_t spin_ns,
           const Ready& ready) noexcept {
  if (ready() || spin<A>(spin_ns, ready)) {
    return true;
  }
  [[maybe_unused]] typename A::LoopHead head;
  for (;;) {
    head.again();
    uint32_t seq = ec.ask();
    if (ready()) {
      return true;
    }
    Deadline slice = Deadline::of_slice(family.slice_ns());
    FutexResult r = Parking<A>::wait(ec.seq, seq, earlier(slice, deadline));
    if (ready()) {
      if (r == FutexResult::kTimeout) {
        family.count_rescue();
      }
      return true;
    }
    if (deadline.passed()) {
      return false;
    }
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_EVENT_H_
