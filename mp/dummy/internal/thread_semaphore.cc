#include "mp/dummy/internal/thread_semaphore.h"

#include "mp/dummy/internal/wait.h"

namespace mp::internal {

bool ThreadSemaphore::try_acquire() noexcept {
  // seq_cst: a sleeper's look must not pass its registration.
  uint32_t value = value_.load(std::memory_order_seq_cst);
  // sync: thread-semaphore (pairs with release)
  while (value > 0 && !value_.compare_exchange_weak(value, value - 1, std::memory_order_acquire,
                                                    std::memory_order_relaxed)) {
  }
  return value > 0;
}

bool ThreadSemaphore::acquire(Deadline deadline) {
  if (try_acquire()) [[likely]] {
    return true;
  }
  if (deadline.is_past_by_construction()) {
    return false;
  }
  std::unique_lock hold(mutex_);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  bool taken = await(given_, hold, deadline, [this] { return try_acquire(); });
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return taken;
}

bool ThreadSemaphore::release() noexcept {
  uint32_t value = value_.load(std::memory_order_relaxed);
  do {
    if (value >= bound) {
      return false;
    }
    // sync: thread-semaphore (pairs with try_acquire). seq_cst: the look at the sleepers must not
    // pass it.
  } while (!value_.compare_exchange_weak(value, value + 1, std::memory_order_seq_cst,
                                         std::memory_order_relaxed));
  if (sleepers_.load(std::memory_order_seq_cst) != 0) [[unlikely]] {
    // Whoever saw no permit sleeps by the time the mutex is free.
    { std::lock_guard hold(mutex_); }
    given_.notify_one();
  }
  return true;
}

}  // namespace mp::internal
