// mp/internal/park/parking.h
//
// Where park reaches the kernel. A model of the kernel specialises Parking for its own atomics.

#ifndef MP_INTERNAL_PARK_PARKING_H_
#define MP_INTERNAL_PARK_PARKING_H_

#include <algorithm>
#include <cstdint>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"

namespace mp::internal {

template <class A>
struct Parking {
  using Word = typename A::template Atomic<uint32_t>;

  static FutexResult wait(const Word& word, uint32_t expected, Deadline deadline) noexcept {
    return futex_wait(&word, expected, deadline);
  }
  // Sleeps on `life` as well, unless that is none.
  static FutexResult wait_or_death(const Word& word, uint32_t expected, FutexPair life,
                                   Deadline deadline) noexcept {
    return wait_or_deaths(word, expected, &life, life.word != nullptr ? 1 : 0, deadline);
  }
  // On all of `lives`, of which there are at most kMostFutexes - 1.
  static FutexResult wait_or_deaths(const Word& word, uint32_t expected, const FutexPair* lives,
                                    int count, Deadline deadline) noexcept {
    FutexPair pairs[kMostFutexes];
    pairs[0] = {&word, expected};
    std::copy_n(lives, count, pairs + 1);
    return futex_wait_any(pairs, 1 + count, deadline);
  }
  // Sleeps while `word`, `also` (null: none) and the lives (those that are not none) hold what is
  // expected of them.
  static FutexResult wait_among(const Word& word, uint32_t expected, const Word* also,
                                uint32_t also_expected, const FutexPair (&lives)[2],
                                Deadline deadline) noexcept {
    FutexPair pairs[4] = {{&word, expected}};
    int n = 1;
    if (also != nullptr) {
      pairs[n++] = {also, also_expected};
    }
    for (const FutexPair& life : lives) {
      if (life.word != nullptr) {
        pairs[n++] = life;
      }
    }
    return futex_wait_any(pairs, n, deadline);
  }
  static int wake(const Word& word, int count) noexcept { return futex_wake(&word, count); }
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_PARKING_H_
