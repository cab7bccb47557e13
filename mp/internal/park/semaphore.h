// mp/internal/park/semaphore.h
//
// Where a SemWord meets the futex: spin, register, look again, sleep in slices over the lives of
// those who hold permits.

#ifndef MP_INTERNAL_PARK_SEMAPHORE_H_
#define MP_INTERNAL_PARK_SEMAPHORE_H_

#include <algorithm>
#include <cstdint>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/event.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/park/parking.h"
#include "mp/internal/sync/sem_word.h"

namespace mp::internal {

// `cells` is what SemWord asks for, and
//   void each(see)   calls see(slot, cell) for every cell
template <class Word, class A, class Cells>
class Semaphore {
 public:
  Semaphore(Word& word, uint32_t bound, Owner me, Liveness& family, const Cells& cells) noexcept
      : word_(word), bound_(bound), me_(me), family_(family), cells_(cells) {}

  // Takes a permit; false when `deadline` passed first, or when `refused` became true. The caller's
  // cell exists, or the semaphore is a signal.
  template <class Refused>
  bool acquire(Deadline deadline, const Refused& refused) noexcept {
    wake(word_.claim(me_, bound_, cells_));
    if (refused()) {
      return false;
    }
    if (word_.take(me_, cells_)) {
      return true;
    }
    if (deadline.is_past_by_construction()) {
      // A poll must not say that a permit is taken that a dead one held.
      return heal() && !refused() && word_.take(me_, cells_);
    }
    for (int i = 0; i < std::min(kSpins, A::kMaxSpins); ++i) {
      if (word_.value() > 0 && word_.take(me_, cells_)) {
        return true;
      }
      A::pause();
    }
    int64_t nap = 0;
    [[maybe_unused]] typename A::LoopHead head;
    for (;;) {
      head.again();
      // sync: event-count: registered before the value is looked at.
      uint32_t seq = word_.sleepers.ask();
      bool in_time = word_.value() > 0 || refused() || sleep(seq, deadline, &nap);
      if (refused()) {
        // All shall know, and a permit wakes one.
        notify(word_.sleepers, kWakeAll);
        return false;
      }
      if (word_.take(me_, cells_)) {
        pass_on();
        return true;
      }
      if (!in_time) {
        pass_on();
        return false;
      }
    }
  }

  // Gives a permit; false when the value would rise above the bound.
  bool release(bool fixed) noexcept {
    if constexpr (A::kBug == Bug::kWakeBeforeChange) {
      wake(1);
      return word_.give(me_, bound_, fixed, cells_);
    }
    if (!word_.give(me_, bound_, fixed, cells_)) {
      return false;
    }
    A::step("semaphore.release.before_wake");
    wake(1);
    return true;
  }

  // Gives back what the dead hold; true when somebody who held something was dead.
  bool heal() noexcept {
    bool any = false;
    word_.each_holder(each(), [&](Owner owner) {
      if (is_dead(owner)) {
        wake(word_.give_back(owner, bound_, cells_));
        any = true;
      }
    });
    return any;
  }

  void wake(uint32_t permits) noexcept {
    if (permits > 0) {
      notify(word_.sleepers, static_cast<int>(permits));
    }
  }

 private:
  static constexpr int kMostLives = kMostFutexes - 1;

  auto each() noexcept {
    return [this](const auto& see) { cells_.each(see); };
  }
  bool is_dead(Owner owner) noexcept { return owner && owner != me_ && family_.is_dead(owner); }

  // A wake may have been spent on one who did not need it, or several permits on one wake.
  void pass_on() noexcept {
    if (word_.value() > 0) {
      wake(1);
    }
  }

  // Sleeps once until `sleepers.seq` moves from `seq` or one who holds a permit dies, no longer
  // than a slice and until `deadline`. False when `deadline` passed. `nap`: see sleep_on_owned().
  bool sleep(uint32_t seq, Deadline deadline, int64_t* nap) noexcept {
    Owner owners[kMostLives];
    FutexPair lives[kMostLives];
    int count = 0;
    bool dying = false;
    bool dead = false;
    word_.each_holder(each(), [&](Owner owner) {
      if (!owner || owner == me_) {
        return;
      }
      FutexPair life = {nullptr, 0};
      if (count < kMostLives) {
        life.word = family_.arm_life_word(owner, &life.expected);
      }
      // After arming: a death before it is seen here, one after it wakes us.
      if (family_.is_dead(owner)) {
        family_.relay_death(owner);
        wake(word_.give_back(owner, bound_, cells_));
        dead = true;
      } else if (life.word != nullptr) {
        owners[count] = owner;
        lives[count++] = life;
      } else {
        dying |= family_.is_dying(owner);
      }
    });
    if (dead) {
      return true;
    }
    int64_t longest = family_.slice_ns();
    if (dying) {
      longest = std::min(longest, *nap != 0 ? 2 * *nap : kFirstNapNs);
      *nap = longest;
    }
    A::step("semaphore.before_sleep");
    FutexResult r = Parking<A>::wait_or_deaths(word_.sleepers.seq, seq, lives, count,
                                               earlier(Deadline::after_ns(longest), deadline));
    for (int i = 0; i < count; ++i) {
      if (family_.is_dying(owners[i])) {
        // The kernel wakes one sleeper only.
        family_.relay_death(owners[i]);
      }
    }
    if (r != FutexResult::kTimeout) {
      return true;
    }
    if (word_.value() > 0 && !dying) {
      family_.count_rescue();
    }
    heal();
    return !deadline.passed();
  }

  Word& word_;
  const uint32_t bound_;
  const Owner me_;
  Liveness& family_;
  const Cells& cells_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_SEMAPHORE_H_
