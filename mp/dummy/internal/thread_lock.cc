#include "mp/dummy/internal/thread_lock.h"

#include "mp/dummy/internal/wait.h"

namespace mp::internal {
namespace {

constinit thread_local uint64_t t_number = 0;

// Numbers this thread: unlike the system's ids, none is given twice.
uint64_t make_number() noexcept {
  static std::atomic<uint64_t> last{0};
  return t_number = last.fetch_add(1, std::memory_order_relaxed) + 1;
}

inline uint64_t this_thread() noexcept { return t_number != 0 ? t_number : make_number(); }

}  // namespace

bool ThreadLock::acquire(Deadline deadline) {
  uint32_t free = kFree;
  // sync: thread-lock (pairs with release)
  if (!state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                      std::memory_order_relaxed)) [[unlikely]] {
    if (!acquire_slowly(deadline)) {
      return false;
    }
  }
  // Relaxed, here and below: a thread only asks whether the number is its own, which it wrote
  // itself.
  holder_.store(this_thread(), std::memory_order_relaxed);
  return true;
}

bool ThreadLock::acquire_slowly(Deadline deadline) {
  if (deadline.is_past_by_construction()) {
    return false;
  }
  std::unique_lock hold(mutex_);
  return await(freed_, hold, deadline,
               [this] { return state_.exchange(kContended, std::memory_order_acquire) == kFree; });
}

bool ThreadLock::release() noexcept {
  // sync: thread-lock (pairs with acquire)
  uint32_t old = state_.exchange(kFree, std::memory_order_release);
  if (old == kContended) [[unlikely]] {
    // Whoever saw the lock held sleeps by the time the mutex is free.
    { std::lock_guard hold(mutex_); }
    freed_.notify_one();
  }
  return old != kFree;
}

bool ThreadLock::acquire_recursive(Deadline deadline) {
  if (holder_.load(std::memory_order_relaxed) == this_thread()) {
    ++depth_;
    return true;
  }
  if (!acquire(deadline)) {
    return false;
  }
  depth_ = 1;
  return true;
}

bool ThreadLock::release_recursive() noexcept {
  if (holder_.load(std::memory_order_relaxed) != this_thread()) [[unlikely]] {
    return false;
  }
  if (--depth_ == 0) {
    holder_.store(0, std::memory_order_relaxed);
    release();
  }
  return true;
}

bool ThreadLock::mine() const noexcept {
  return locked() && holder_.load(std::memory_order_relaxed) == this_thread();
}

uint32_t ThreadLock::release_all(bool recursive) noexcept {
  uint32_t levels = depth_;
  if (recursive) {
    depth_ = 0;
    holder_.store(0, std::memory_order_relaxed);
  }
  release();
  return levels;
}

void ThreadLock::restore(bool recursive, uint32_t levels) {
  acquire(Deadline::never());
  if (recursive) {
    depth_ = levels;
  }
}

}  // namespace mp::internal
