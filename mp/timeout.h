// mp/timeout.h
//
// Timeout: how long a blocking call may wait.
//
//   lock.acquire(2.5);                            // seconds, as in Python
//   lock.acquire(std::chrono::milliseconds(50));
//   lock.acquire(0);                              // polls
//   lock.acquire(mp::kForever);                   // Python's None
//
// Every call turns its Timeout into a deadline on CLOCK_MONOTONIC once, at its start: signals and
// setting the wall clock neither shorten nor lengthen it. A negative timeout is 0.
//
// Handles    A value.
// Safety     As an integer.
// Cost       8 bytes; making one is arithmetic.
// Crossing   Does not: send the number or the duration that it is made of.
// Python     timeout=None is kForever. block=False is a timeout of 0, or a call of its own,
//            x_nowait(); block=True is no argument: acquire(true, 2.5) is acquire(2.5). A bool is
//            refused by the compiler.

#ifndef MP_TIMEOUT_H_
#define MP_TIMEOUT_H_

#include <chrono>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "absl/time/time.h"

namespace mp {

class Timeout {
 public:
  // Seconds; infinity and anything over 290 years is for ever.
  template <class N>
  requires(std::is_arithmetic_v<N> && !std::is_same_v<N, bool>) constexpr Timeout(
      N seconds) noexcept  // NOLINT: implicit, as Python's timeout=2.5
      : ns_(from_seconds(static_cast<double>(seconds))) {}

  Timeout(bool) = delete;  // Python's block=False is a timeout of 0 here, or x_nowait()

  template <class Rep, class Period>
  constexpr Timeout(std::chrono::duration<Rep, Period> d) noexcept  // NOLINT: implicit
      : ns_(from_seconds_and_exact(d)) {}

  Timeout(absl::Duration d) noexcept  // NOLINT: implicit
      : ns_(d == absl::InfiniteDuration() ? kInfinite : clamp(absl::ToInt64Nanoseconds(d))) {}

  // No end: Python's timeout=None.
  static constexpr Timeout forever() noexcept {
    Timeout t(0);
    t.ns_ = kInfinite;
    return t;
  }

  constexpr bool is_forever() const noexcept { return ns_ == kInfinite; }
  // Nanoseconds, not negative; meaningless for ever.
  constexpr int64_t nanoseconds() const noexcept { return ns_; }

 private:
  static constexpr int64_t kInfinite = std::numeric_limits<int64_t>::max();

  static constexpr int64_t clamp(int64_t ns) noexcept { return ns < 0 ? 0 : ns; }
  static constexpr int64_t from_seconds(double s) noexcept {
    // NaN compares false with everything and polls.
    return s >= 9.2e9 ? kInfinite : s > 0 ? static_cast<int64_t>(s * 1e9) : 0;
  }
  template <class D>
  static constexpr int64_t from_seconds_and_exact(D d) noexcept {
    double s = std::chrono::duration<double>(d).count();
    return s >= 9.2e9 || s <= 0 ? from_seconds(s)
                                : std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
  }

  int64_t ns_;
};

inline constexpr Timeout kForever = Timeout::forever();

}  // namespace mp

#endif  // MP_TIMEOUT_H_
