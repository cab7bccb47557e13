#include "mp/dummy/internal/thread_condition.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "mp/dummy/internal/wait.h"

namespace mp::internal {

// Shared with who wakes it: that happens without the mutex, so that the woken need not wait for it.
struct ThreadCondition::Waiter {
  std::condition_variable woken;
  bool notified = false;  // guarded by the condition's mutex
};

bool ThreadCondition::wait(ThreadLock& lock, bool recursive, Deadline deadline) {
  auto me = std::make_shared<Waiter>();
  std::unique_lock hold(mutex_);
  waiters_.push_back(me);
  // After the entry: whoever takes the lock from here on finds it.
  uint32_t levels = lock.release_all(recursive);
  bool notified = await(me->woken, hold, deadline, [&me] { return me->notified; });
  if (!notified) {
    waiters_.erase(std::find(waiters_.begin(), waiters_.end(), me));
  }
  hold.unlock();
  lock.restore(recursive, levels);
  return notified;
}

void ThreadCondition::notify(uint64_t count) {
  for (; count > 0; --count) {
    std::shared_ptr<Waiter> waiter;
    {
      std::lock_guard hold(mutex_);
      if (waiters_.empty()) {
        return;
      }
      waiter = std::move(waiters_.front());
      waiters_.pop_front();
      waiter->notified = true;
    }
    waiter->woken.notify_one();
  }
}

size_t ThreadCondition::waiters() {
  std::lock_guard hold(mutex_);
  return waiters_.size();
}

}  // namespace mp::internal
