#include "mp/internal/os/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace mp::internal {
namespace {

#ifndef SYS_futex_waitv
constexpr long SYS_futex_waitv = 449;
#endif

// The kernel's struct futex_waitv; the header of older distributions lacks it.
struct WaitvEntry {
  uint64_t val;
  uint64_t uaddr;
  uint32_t flags;
  uint32_t reserved;
};
constexpr uint32_t kWaitv32 = 2;

// Calls `sleep` with the time at which to look up, null for never, until it says something or `deadline` has passed.
// What a word tells between two sleeps is seen: the kernel compares it again.
template <class Sleep>
long sleep_until(Deadline deadline, const Sleep& sleep) {
  for (;;) {
    const Deadline end = deadline.end_of_sleep();
    timespec at;
    at.tv_sec = end.ns() / 1'000'000'000;
    at.tv_nsec = end.ns() % 1'000'000'000;
    long rc = sleep(end.is_never() ? nullptr : &at);
    if (rc >= 0 || errno != ETIMEDOUT || !deadline.is_interruptible() || deadline.passed()) {
      return rc;
    }
  }
}

FutexResult result_of(long rc) {
  if (rc >= 0) {
    return FutexResult::kWoken;
  }
  switch (errno) {
    case EAGAIN:
      return FutexResult::kChanged;
    case ETIMEDOUT:
      return FutexResult::kTimeout;
    default:
      // EINTR: the caller looks again and sleeps on, unless its deadline is one that this signal ends.
      return is_thread_interrupted() ? FutexResult::kTimeout : FutexResult::kWoken;
  }
}

std::atomic<bool> g_no_waitv{false};

}  // namespace

FutexResult futex_wait(const FutexWord* word, uint32_t expected, Deadline deadline) noexcept {
  // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC.
  return result_of(sleep_until(deadline, [&](const timespec* at) {
    return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, at, nullptr,
                   FUTEX_BITSET_MATCH_ANY);
  }));
}

FutexResult futex_wait_any(const FutexPair* pairs, int count, Deadline deadline) noexcept {
  if (count == 1 || g_no_waitv.load(std::memory_order_relaxed)) {
    return futex_wait(pairs[0].word, pairs[0].expected, deadline);
  }
  WaitvEntry entries[kMostFutexes];
  for (int i = 0; i < count; ++i) {
    entries[i] = {.val = pairs[i].expected,
                  .uaddr = reinterpret_cast<uint64_t>(pairs[i].word),
                  .flags = kWaitv32,
                  .reserved = 0};
  }
  long rc = sleep_until(deadline, [&](const timespec* at) {
    return syscall(SYS_futex_waitv, entries, count, 0, at, CLOCK_MONOTONIC);
  });
  if (rc < 0 && (errno == ENOSYS || errno == EPERM)) {
    g_no_waitv.store(true, std::memory_order_relaxed);
    return futex_wait(pairs[0].word, pairs[0].expected, deadline);
  }
  return result_of(rc);
}

int futex_wake(const FutexWord* word, int count) noexcept {
  long rc = syscall(SYS_futex, word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  return rc < 0 ? 0 : static_cast<int>(rc);
}

}  // namespace mp::internal
