// mp/dummy/internal/wait.h
//
// Waiting on a std::condition_variable until a Deadline.

#ifndef MP_DUMMY_INTERNAL_WAIT_H_
#define MP_DUMMY_INTERNAL_WAIT_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "mp/internal/os/clock.h"

namespace mp::internal {

// True when woken, perhaps for nothing; false when `deadline` has passed.
inline bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& hold,
                       Deadline deadline) {
  if (deadline.is_never()) {
    changed.wait(hold);
    return true;
  }
  // steady_clock and Deadline are both CLOCK_MONOTONIC.
  std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline.ns())};
  return changed.wait_until(hold, until) == std::cv_status::no_timeout;
}

// Waits until `ready()`; false when it was not so until `deadline`.
template <class Ready>
bool await(std::condition_variable& changed, std::unique_lock<std::mutex>& hold, Deadline deadline,
           const Ready& ready) {
  bool in_time = !deadline.is_past_by_construction();
  while (!ready()) {
    if (!in_time) {
      return false;
    }
    in_time = wait_until(changed, hold, deadline);
  }
  return true;
}

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_WAIT_H_
