// mp/internal/os/clock.h
//
// Deadline: an instant on CLOCK_MONOTONIC, made once per blocking call from its Timeout.

#ifndef MP_INTERNAL_OS_CLOCK_H_
#define MP_INTERNAL_OS_CLOCK_H_

#include <cstdint>
#include <limits>

#include "mp/timeout.h"

namespace mp::internal {

// Nanoseconds on CLOCK_MONOTONIC.
int64_t monotonic_ns() noexcept;

class Deadline {
 public:
  static constexpr Deadline never() noexcept { return Deadline(kNever); }
  // Already over: the call polls.
  static constexpr Deadline past() noexcept { return Deadline(0); }
  static Deadline after(Timeout timeout) noexcept {
    if (timeout.is_forever()) {
      return never();
    }
    return timeout.nanoseconds() == 0 ? past() : after_ns(timeout.nanoseconds());
  }
  static Deadline after_ns(int64_t ns) noexcept {
    int64_t now = monotonic_ns();
    return Deadline(ns >= kNever - now ? kNever : now + ns);
  }

  // What ns() returned once.
  static constexpr Deadline at(int64_t ns) noexcept { return Deadline(ns); }

  constexpr bool is_never() const noexcept { return ns_ == kNever; }
  constexpr bool is_past_by_construction() const noexcept { return ns_ == 0; }
  bool passed() const noexcept { return ns_ != kNever && (ns_ == 0 || monotonic_ns() >= ns_); }
  constexpr int64_t ns() const noexcept { return ns_; }
  friend constexpr Deadline earlier(Deadline a, Deadline b) noexcept {
    return a.ns_ < b.ns_ ? a : b;
  }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  explicit constexpr Deadline(int64_t ns) noexcept : ns_(ns) {}
  int64_t ns_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_CLOCK_H_
