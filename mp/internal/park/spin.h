// mp/internal/park/spin.h
//
// How long to spin before sleeping. A spin about as long as a wake-up costs is never worse than twice the best choice;
// where the other side shares our processor, or is slow, it is always lost. So a thread whose spins keep failing spins
// less, and tries the full length again now and then.

#ifndef MP_INTERNAL_PARK_SPIN_H_
#define MP_INTERNAL_PARK_SPIN_H_

#include <algorithm>
#include <cstdint>

namespace mp::internal {

class SpinBudget {
 public:
  // How many pauses to spend now, at most `most`.
  int take(int most) noexcept {
    if (failures_ < kPatience) {
      return most;
    }
    return (++skipped_ & kProbe) == 0 ? most : 0;
  }
  void succeeded() noexcept { failures_ = 0; }
  void failed() noexcept {
    if (failures_ < kPatience) {
      ++failures_;
    }
  }

 private:
  static constexpr uint8_t kPatience = 4;
  static constexpr uint8_t kProbe = 15;  // one of sixteen
  uint8_t failures_ = 0;
  uint8_t skipped_ = 0;
};

// This thread's.
inline constinit thread_local SpinBudget t_spin;

// Spins until `ready()`; false when the budget ran out first.
template <class A, class Ready>
bool spin(int most, const Ready& ready) noexcept {
  if constexpr (A::kMaxSpins == 0) {
    return false;
  }
  int n = std::min(t_spin.take(most), A::kMaxSpins);
  for (int i = 0; i < n; ++i) {
    if (ready()) {
      t_spin.succeeded();
      return true;
    }
    A::pause();
  }
  if (n != 0) {
    t_spin.failed();
  }
  return false;
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_SPIN_H_
