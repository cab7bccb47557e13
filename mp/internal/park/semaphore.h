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

// What OnOwnerDeath makes of it.
struct SemRules {
  // It never becomes a signal: who gives what it does not hold adds a permit.
  bool fixed = false;
  // acquire() takes nothing while the word says that somebody died. Only of one that is fixed.
  bool refuse = false;
};

// `cells` is what SemWord asks for, and
//   void each(see)   calls see(slot, cell) for every cell
template <class Word, class A, class Cells>
class Semaphore {
 public:
  Semaphore(Word& word, uint32_t bound, const SemRules& rules, Owner me, Liveness& family,
            const Cells& cells) noexcept
      : word_(word), bound_(bound), rules_(rules), me_(me), family_(family), cells_(cells) {}

  // Takes a permit; kNo when `deadline` passed first. The caller's cell exists, or the semaphore is a
  // signal.
  Acquired acquire(Deadline deadline) noexcept {
    wake(word_.claim(me_, bound_, cells_));
    if (Acquired a = attempt(); a != Acquired::kNo) {
      return a;
    }
    if (deadline.is_past_by_construction()) {
      // A poll must not say that a permit is taken that a dead one held.
      return heal() ? attempt() : Acquired::kNo;
    }
    for (int i = 0; i < std::min(kSpins, A::kMaxSpins); ++i) {
      if (word_.value() > 0) {
        if (Acquired a = attempt(); a != Acquired::kNo) {
          return a;
        }
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
      Acquired a = attempt();
      if (a == Acquired::kRefused) {
        // All shall know, and a permit wakes one.
        notify(word_.sleepers, kWakeAll);
        return a;
      }
      if (a != Acquired::kNo || !in_time) {
        pass_on();
        return a;
      }
    }
  }

  // The caller has just taken a permit: kClean if it may keep it. If it may not, it has none now.
  Acquired admitted() noexcept {
    if (!refused() || A::kBug == Bug::kTakeUnasked) {
      return Acquired::kClean;
    }
    release();
    return Acquired::kRefused;
  }

  // Gives a permit; false when the value would rise above the bound.
  bool release() noexcept {
    if constexpr (A::kBug == Bug::kWakeBeforeChange) {
      wake(1);
      return give();
    }
    if (!give()) {
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
  using Surplus = typename Word::Surplus;
  using Given = typename Word::Given;
  static constexpr int kMostLives = kMostFutexes - 1;

  auto each() noexcept {
    return [this](const auto& see) { cells_.each(see); };
  }
  bool refused() const noexcept { return rules_.refuse && word_.died(); }

  // Without waiting.
  Acquired attempt() noexcept {
    if (refused()) {
      if constexpr (A::kBug == Bug::kAskAgain) {
        return refused() ? Acquired::kRefused : Acquired::kClean;
      }
      return Acquired::kRefused;
    }
    return word_.take(me_, cells_) ? admitted() : Acquired::kNo;
  }

  bool give() noexcept {
    if (rules_.fixed) {
      return word_.give(me_, bound_, Surplus::kAdd, cells_) == Given::kYes;
    }
    Given given = word_.give(me_, bound_, Surplus::kAsk, cells_);
    if (given == Given::kAsked) {
      // Deaths before a release that makes a signal of it return what was held.
      if constexpr (A::kBug != Bug::kTurnBeforeSweep) {
        heal();
      }
      given = word_.give(me_, bound_, Surplus::kTurn, cells_);
    }
    return given == Given::kYes;
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
                                               earlier(Deadline::of_slice(longest), deadline));
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
  const SemRules rules_;
  const Owner me_;
  Liveness& family_;
  const Cells& cells_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_SEMAPHORE_H_
