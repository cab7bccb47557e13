#include "mp/dummy/internal/thread_event.h"

#include "mp/dummy/internal/wait.h"

namespace mp::internal {

void ThreadEvent::change(bool to) noexcept {
  std::lock_guard hold(mutex_);
  uint64_t now = changes_.load(std::memory_order_relaxed);
  if (((now & 1) != 0) != to) {
    changes_.store(now + 1, std::memory_order_release);
  }
}

void ThreadEvent::set() noexcept {
  change(true);
  was_set_.notify_all();
}

void ThreadEvent::clear() noexcept { change(false); }

bool ThreadEvent::wait(Deadline deadline) {
  if (is_set()) {
    return true;
  }
  std::unique_lock hold(mutex_);
  uint64_t first = changes_.load(std::memory_order_relaxed);
  return (first & 1) != 0 || await(was_set_, hold, deadline, [this, first] {
           return changes_.load(std::memory_order_relaxed) != first;
         });
}

}  // namespace mp::internal
