// mp/internal/park/spin.h
//
// How long to spin before sleeping. A spin about as long as a wake-up costs is never worse than twice the best choice;
// where the other side shares our processor, or is slow, it is always lost. So a thread whose spins keep failing spins
// less, and tries the full length again now and then.

#ifndef MP_INTERNAL_PARK_SPIN_H_
#define MP_INTERNAL_PARK_SPIN_H_

#include <cstdint>

#include "mp/internal/os/clock.h"

namespace mp::internal {

// Nanoseconds from one wake-up to the answer of who was woken, between the processors of a virtual machine, which makes
// both the interrupt that wakes and the end of idling expensive: with shorter spins two processes that answer each
// other at once would still meet asleep.
inline constexpr int64_t kWakeNs = 25'000;

class SpinBudget {
 public:
  // Of a thread whose spins keep failing one of 16 is tried; of 32 when that fails too, and so on, `doublings` times.
  explicit consteval SpinBudget(uint8_t doublings) : most_failures_(kPatience + doublings) {
    if (doublings > 4) {
      throw "skipped_ counts to 256";
    }
  }

  // How much to spend now, at most `most`.
  template <class N>
  N take(N most) noexcept {
    if (failures_ < kPatience) {
      return most;
    }
    const unsigned one_of = 16u << (failures_ - kPatience);
    return (++skipped_ & (one_of - 1)) == 0 ? most : 0;
  }
  void succeeded() noexcept { failures_ = 0; }
  void failed() noexcept {
    if (failures_ < most_failures_) {
      ++failures_;
    }
  }

 private:
  static constexpr uint8_t kPatience = 4;
  const uint8_t most_failures_;
  uint8_t failures_ = 0;
  uint8_t skipped_ = 0;
};

// This thread's. A spin that fails may take longer than the sleep that it was to save: where both sides share a processor, one
// of 256 is tried in the end.
inline constinit thread_local SpinBudget t_spin{4};

// Spins until `ready()`, for about `ns`, and for two stints at least; false when the budget ran out first. How long a
// pause lasts is the processor's choice, from 10 ns to more than 50, so the clock is asked, once per stint.
template <class A, class Ready>
bool spin(int64_t ns, const Ready& ready) noexcept {
  if constexpr (A::kMaxSpins == 0) {
    return false;
  }
  constexpr int kStint = 8;
  int64_t most = t_spin.take(ns);
  if (most <= 0) {
    return false;
  }
  for (int64_t end = 0;;) {
    for (int i = 0; i < kStint; ++i) {
      if (ready()) {
        t_spin.succeeded();
        return true;
      }
      A::pause();
    }
    int64_t now = monotonic_ns();
    if (end == 0) {
      end = now + most;
    } else if (now >= end) {
      t_spin.failed();
      return false;
    }
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_SPIN_H_
