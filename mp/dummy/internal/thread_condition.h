// mp/dummy/internal/thread_condition.h
//
// ThreadCondition: what mp::dummy::Condition is behind its handles: those who wait, first come
// first.

#ifndef MP_DUMMY_INTERNAL_THREAD_CONDITION_H_
#define MP_DUMMY_INTERNAL_THREAD_CONDITION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "mp/dummy/internal/thread_lock.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

class ThreadCondition {
 public:
  // Waits with `lock` given up and taken again; false when `deadline` passed first. The caller
  // holds the lock.
  bool wait(ThreadLock& lock, bool recursive, Deadline deadline);
  // Wakes the first `count` of those who wait.
  void notify(uint64_t count);
  // How many wait. A snapshot.
  size_t waiters();

 private:
  struct Waiter;

  std::mutex mutex_;
  // Guarded by it. Who is notified is taken out.
  std::deque<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_CONDITION_H_
