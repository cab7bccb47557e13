// mp/internal/park/event_word.h
//
// Where an EventWord meets the futex.

#ifndef MP_INTERNAL_PARK_EVENT_WORD_H_
#define MP_INTERNAL_PARK_EVENT_WORD_H_

#include <cstdint>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/event.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/sync/event_word.h"

namespace mp::internal {

// Sets the flag and wakes all who wait. Lock-free: a signal handler may do it.
template <class A>
inline void park_set(EventWord<A>& event) noexcept {
  if constexpr (A::kBug == Bug::kWakeBeforeChange) {
    notify(event.sleepers, kWakeAll);
    event.set();
    return;
  }
  if (event.set()) [[unlikely]] {
    notify(event.sleepers, kWakeAll);
  }
}

// Waits until the flag is set, or was set since this began; false when `deadline` passed first.
template <class A>
bool park_wait(EventWord<A>& event, Deadline deadline, Liveness& family) noexcept {
  uint64_t first = event.look();
  if (EventWord<A>::is_set(first)) {
    return true;
  }
  if (deadline.is_past_by_construction()) {
    return false;
  }
  return await(event.sleepers, deadline, family, kWakeNs, [&] {
    uint64_t now = event.look();
    return A::kBug == Bug::kForgetTheSet ? EventWord<A>::is_set(now) : now != first;
  });
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_EVENT_WORD_H_
