// mp/internal/os/clock.h
//
// Deadline: an instant on CLOCK_MONOTONIC, made once per blocking call from its Timeout.

#ifndef MP_INTERNAL_OS_CLOCK_H_
#define MP_INTERNAL_OS_CLOCK_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

#include "mp/timeout.h"

namespace mp::internal {

// Nanoseconds on CLOCK_MONOTONIC.
int64_t monotonic_ns() noexcept;
// The same as of the last tick, up to 10 ms ago: cheaper.
int64_t coarse_monotonic_ns() noexcept;

// How many mp::interruptible there are in this process; see os/interrupt.h.
extern std::atomic<int> g_interruptible;
// Whether this thread has one, and whether SIGINT has come and not been answered by it. Not inline: rare.
bool is_interruptible_thread() noexcept;
bool is_thread_interrupted() noexcept;

// Under mp::interruptible a deadline has also passed once SIGINT has come: what waits leaves by the way it has for that. The
// lowest bit says that it is such a one.
class Deadline {
 public:
  static constexpr Deadline never() noexcept { return Deadline(kNever); }
  // Already over: the call polls.
  static constexpr Deadline past() noexcept { return Deadline(0); }
  // Of a call of the user's.
  static Deadline after(Timeout timeout) noexcept {
    Deadline d = timeout.is_forever()         ? never()
                 : timeout.nanoseconds() == 0 ? past()
                                              : after_ns(timeout.nanoseconds());
    if (g_interruptible.load(std::memory_order_relaxed) != 0 && d.ns_ != 0 &&
        is_interruptible_thread()) [[unlikely]] {
      d.ns_ |= kInterruptible;
    }
    return d;
  }
  static Deadline after_ns(int64_t ns) noexcept {
    int64_t now = monotonic_ns();
    return Deadline(ns >= kNever - now ? kNever : (now + ns) & ~kInterruptible);
  }

  // Of a sleep after which one looks again, in case that nobody woke it: a long one may be over a tick too early, and so needs
  // no exact clock.
  static Deadline of_slice(int64_t ns) noexcept {
    if (ns < kLongSliceNs) {
      return after_ns(ns);
    }
    int64_t now = coarse_monotonic_ns();
    return Deadline(ns >= kNever - now ? kNever : (now + ns) & ~kInterruptible);
  }

  // What ns() returned once.
  static constexpr Deadline at(int64_t ns) noexcept { return Deadline(ns); }

  constexpr bool is_never() const noexcept { return ns_ == kNever; }
  constexpr bool is_past_by_construction() const noexcept { return ns_ == 0; }
  constexpr bool is_interruptible() const noexcept { return (ns_ & kInterruptible) != 0; }
  bool passed() const noexcept {
    return ns_ != kNever &&
           (ns_ == 0 || monotonic_ns() >= ns_ || (is_interruptible() && is_thread_interrupted()));
  }
  constexpr int64_t ns() const noexcept { return ns_; }
  // Until when to sleep without a look: SIGINT may come to another thread, or just before the sleep.
  Deadline end_of_sleep() const noexcept {
    return is_interruptible() ? earlier(Deadline(ns_ & ~kInterruptible), after_ns(kLookNs)) : *this;
  }
  // Interruptible if one of them is.
  friend constexpr Deadline earlier(Deadline a, Deadline b) noexcept {
    return Deadline((std::min(a.ns_, b.ns_) & ~kInterruptible) |
                    ((a.ns_ | b.ns_) & kInterruptible));
  }

 private:
  static constexpr int64_t kInterruptible = 1;
  static constexpr int64_t kLookNs = 50'000'000;
  static constexpr int64_t kLongSliceNs = 50'000'000;
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max() - kInterruptible;
  explicit constexpr Deadline(int64_t ns) noexcept : ns_(ns) {}
  int64_t ns_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_CLOCK_H_
