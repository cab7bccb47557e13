// mp/dummy/internal/thread_lock.h
//
// ThreadLock: what mp::dummy::Lock and RLock are behind their handles.
//
// Field    written by                    rule
// state_   everybody                     kFree, kHeld, or kContended: held, and somebody may sleep
// holder_  who holds it                  the number of the thread that took it last; for an RLock 0
//                                        before it is given back
// depth_   who holds it                  RLock: how often
// mutex_   sleepers, and who wakes them  between a sleeper's look at state_ and its sleep nobody
//                                        wakes
//
// kContended may say too much, never too little: who has slept takes the lock as kContended, since
// others may sleep on.

#ifndef MP_DUMMY_INTERNAL_THREAD_LOCK_H_
#define MP_DUMMY_INTERNAL_THREAD_LOCK_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "mp/internal/os/clock.h"

namespace mp::internal {

class ThreadLock {
 public:
  bool acquire(Deadline deadline);
  // False when nobody held it.
  bool release() noexcept;

  bool acquire_recursive(Deadline deadline);
  // False when this thread does not hold it.
  bool release_recursive() noexcept;

  bool locked() const noexcept { return state_.load(std::memory_order_relaxed) != kFree; }
  // This thread took it.
  bool mine() const noexcept;
  // For who holds it: how often.
  uint32_t depth() const noexcept { return depth_; }

  // All levels at once, for a condition: returns what restore() needs. The caller holds it.
  uint32_t release_all(bool recursive) noexcept;
  void restore(bool recursive, uint32_t levels);

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kContended = 2;

  bool acquire_slowly(Deadline deadline);

  std::atomic<uint32_t> state_{kFree};
  uint32_t depth_ = 0;
  std::atomic<uint64_t> holder_{0};
  std::mutex mutex_;
  std::condition_variable freed_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_LOCK_H_
