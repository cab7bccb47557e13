// mp/dummy/internal/thread_semaphore.h
//
// ThreadSemaphore: what mp::dummy::Semaphore is behind its handles.
//
// Field      written by                    rule
// value_     everybody                     0 .. bound
// sleepers_  sleepers                      counted before the last look at value_
// mutex_     sleepers, and who wakes them  between a sleeper's look at value_ and its sleep nobody
//                                          wakes

#ifndef MP_DUMMY_INTERNAL_THREAD_SEMAPHORE_H_
#define MP_DUMMY_INTERNAL_THREAD_SEMAPHORE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "mp/internal/os/clock.h"

namespace mp::internal {

class ThreadSemaphore {
 public:
  ThreadSemaphore(uint32_t value, uint32_t bound, bool bounded) noexcept
      : bound(bound), bounded(bounded), value_(value) {}

  bool acquire(Deadline deadline);
  // False when the value would rise above `bound`.
  bool release() noexcept;
  uint32_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  const uint32_t bound;
  const bool bounded;

 private:
  bool try_acquire() noexcept;

  std::atomic<uint32_t> value_;
  std::atomic<uint32_t> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable given_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_SEMAPHORE_H_
