// mp/internal/os/futex.h
//
// Futexes in memory that processes share. Deadlines are absolute on CLOCK_MONOTONIC.

#ifndef MP_INTERNAL_OS_FUTEX_H_
#define MP_INTERNAL_OS_FUTEX_H_

#include <atomic>
#include <cstdint>

#include "mp/internal/os/clock.h"

namespace mp::internal {

using FutexWord = std::atomic<uint32_t>;

enum class FutexResult {
  kWoken,    // a wake, or a spurious return: look again
  kChanged,  // a word did not hold its expected value any more
  kTimeout,
};

// Sleeps while *word == expected, until woken or `deadline`.
FutexResult futex_wait(const FutexWord* word, uint32_t expected, Deadline deadline) noexcept;

struct FutexPair {
  const FutexWord* word;
  uint32_t expected;
};

inline constexpr int kMostFutexes = 16;

// Sleeps while every one of the (up to kMostFutexes) words holds its expected value. Where the kernel has no
// futex_waitv it sleeps on the first alone.
FutexResult futex_wait_any(const FutexPair* pairs, int count, Deadline deadline) noexcept;

// Wakes up to `count` sleepers and returns how many.
int futex_wake(const FutexWord* word, int count) noexcept;
inline constexpr int kWakeAll = 0x7fffffff;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_FUTEX_H_
