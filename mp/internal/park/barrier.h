// mp/internal/park/barrier.h
//
// Where a BarrierWord meets the futex and the deaths. See docs/design.md for the protocol.

#ifndef MP_INTERNAL_PARK_BARRIER_H_
#define MP_INTERNAL_PARK_BARRIER_H_

#include <algorithm>
#include <cstdint>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/event.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/park/parking.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/sync/barrier_word.h"

namespace mp::internal {

// One call on a barrier whose places are two rows at `places`.
template <class A>
class BarrierCall {
 public:
  using Word = BarrierWord<A>;
  using Hall = BarrierHall<A>;
  using Place = BarrierPlace<A>;

  // A place in a round. `cause`: there is none, and why.
  struct Seat {
    uint32_t hall = 0;
    uint32_t round = 0;
    uint32_t index = 0;
    BarrierCause cause = BarrierCause::kNone;
  };

  // How a wait ended: the number of the arrival, or why the round was broken.
  struct Result {
    bool passed = false;
    uint32_t index = 0;
    BarrierCause cause = BarrierCause::kNone;
  };

  BarrierCall(Word& word, Place* places, Owner me, Liveness& family) noexcept
      : word_(word), places_(places), me_(me), family_(family) {}

  // First half of a wait: takes a place. None when the barrier is broken, which it also is when
  // `deadline` passed before there was a place to take.
  Seat arrive(Deadline deadline) noexcept {
    [[maybe_unused]] typename A::LoopHead head;
    for (;;) {
      head.again();
      auto [h, st] = word_.current();
      Hall& hall = word_.halls[h];
      if (Hall::over(st)) {
        // Whoever ended the round may have died before it woke them.
        notify(hall.ended, kWakeAll);
        if (Hall::broken(st)) {
          return Seat{.cause = Hall::cause(st)};
        }
        if (!open_next(h, st, deadline)) {
          break_off(BarrierCause::kTimeout);
        }
        continue;
      }
      uint32_t round = Hall::round(st);
      uint32_t i = word_.taken(row(h), round);
      if (i == Word::kStale) {
        continue;
      }
      if (i == word_.parties) {
        // One too many: the round is about to end.
        if (!await_end(h, st, i, deadline)) {
          break_off(BarrierCause::kTimeout);
        }
        continue;
      }
      bool last = i + 1 == word_.parties;
      if (last && A::kBug != Bug::kPassWithTheDead && break_if_dead(h, st)) {
        continue;
      }
      if (!row(h)[i].take(round, me_)) {
        continue;
      }
      A::step("barrier.arrived");
      if (i > 0 && (!last || word_.has_action != 0)) {
        call(row(h)[i - 1]);
      }
      return Seat{.hall = h, .round = round, .index = i};
    }
  }

  // This party has to run the action before it departs.
  bool must_act(const Seat& seat) const noexcept {
    return seat.index + 1 == word_.parties && word_.has_action != 0;
  }

  // Second half: waits for the end of the round, or ends it, and leaves.
  Result depart(const Seat& seat, Deadline deadline) noexcept {
    Hall& hall = word_.halls[seat.hall];
    uint64_t open = Hall::make(seat.round);
    if (seat.index + 1 == word_.parties) {
      end(hall, open, Hall::kOver | Hall::kPassed);
    } else if (!await_end(seat.hall, open, seat.index, deadline)) {
      settle(seat.hall, open);
      end(hall, open, Hall::kOver | Hall::kBroken, BarrierCause::kTimeout);
    }
    uint64_t st = hall.look();
    Place& place = row(seat.hall)[seat.index];
    place.call.store(Place::kAwake, std::memory_order_relaxed);
    place.leave(seat.round);
    A::step("barrier.left");
    notify(hall.left, kWakeAll);
    return Hall::passed(st) ? Result{.passed = true, .index = seat.index}
                            : Result{.cause = Hall::cause(st)};
  }

  // Second half when the action has failed.
  void fail(const Seat& seat) noexcept {
    end(word_.halls[seat.hall], Hall::make(seat.round), Hall::kOver | Hall::kBroken,
        BarrierCause::kAction);
    depart(seat, Deadline::past());
  }

  // The barrier is broken from here on; false when it was already.
  bool break_off(BarrierCause cause) noexcept {
    [[maybe_unused]] typename A::LoopHead head;
    for (;;) {
      head.again();
      auto [h, st] = word_.current();
      Hall& hall = word_.halls[h];
      if (Hall::broken(st)) {
        notify(hall.ended, kWakeAll);
        return false;
      }
      if (Hall::sealed(st)) {
        try_open(h, st);
        continue;
      }
      uint64_t now = Hall::make(
          Hall::round(st), static_cast<uint32_t>(st & Hall::kPassed) | Hall::kOver | Hall::kBroken,
          cause);
      if (change(hall, st, now)) {
        return true;
      }
    }
  }

  // Breaks the round of those who wait, if any, and makes the barrier usable.
  void reset() noexcept {
    [[maybe_unused]] typename A::LoopHead head;
    for (;;) {
      head.again();
      auto [h, st] = word_.current();
      Hall& hall = word_.halls[h];
      uint64_t now;
      if (Hall::broken(st)) {
        now = st & ~uint64_t{Hall::kBroken};
      } else if (!Hall::over(st) && Place::taken(row(h)[0].look(), Hall::round(st))) {
        now = Hall::make(Hall::round(st), Hall::kOver, BarrierCause::kReset);
      } else {
        notify(hall.ended, kWakeAll);
        return;
      }
      if (change(hall, st, now)) {
        return;
      }
    }
  }

  struct State {
    bool broken;
    uint32_t waiting;  // in the open round
  };
  // Breaks the round first if somebody died in it.
  State state() noexcept {
    auto [h, st] = word_.current();
    if (!Hall::over(st)) {
      settle(h, st);
      st = word_.halls[h].look();
    } else {
      notify(word_.halls[h].ended, kWakeAll);
    }
    uint32_t n = Hall::over(st) ? 0 : word_.taken(row(h), Hall::round(st));
    return State{Hall::broken(st), n == Word::kStale ? 0 : n};
  }

 private:
  Place* row(uint32_t hall) const noexcept { return places_ + uint64_t{hall} * word_.parties; }
  bool is_dead(Owner owner) noexcept { return owner != me_ && family_.is_dead(owner); }

  bool change(Hall& hall, uint64_t seen, uint64_t now) noexcept {
    if constexpr (A::kBug == Bug::kWakeBeforeChange) {
      notify(hall.ended, kWakeAll);
      return hall.change(seen, now);
    }
    if (!hall.change(seen, now)) {
      return false;
    }
    A::step("barrier.before_wake");
    notify(hall.ended, kWakeAll);
    return true;
  }

  // Ends the round whose word is `open`, unless somebody else has.
  bool end(Hall& hall, uint64_t open, uint32_t flags,
           BarrierCause cause = BarrierCause::kNone) noexcept {
    return change(hall, open, Hall::make(Hall::round(open), flags, cause));
  }
  bool break_for_death(Hall& hall, uint64_t open) noexcept {
    return end(hall, open, Hall::kOver | Hall::kBroken, BarrierCause::kDeath);
  }

  bool is_full(uint32_t h, uint64_t open) const noexcept {
    return Place::taken(row(h)[word_.parties - 1].look(), Hall::round(open));
  }

  // Breaks the open round if somebody in it is dead and it is not full; true when it is over, or
  // full, so that it has to be looked at again.
  bool break_if_dead(uint32_t h, uint64_t open) noexcept {
    for (uint32_t i = 0; i + 1 < word_.parties; ++i) {
      uint64_t st = row(h)[i].look();
      if (!Place::taken(st, Hall::round(open))) {
        break;
      }
      if (is_dead(Place::owner(st))) {
        if (A::kBug == Bug::kBreakAFullRound || !is_full(h, open)) {
          break_for_death(word_.halls[h], open);
        }
        return true;
      }
    }
    return false;
  }

  // Ends the open round if what is there says so: it is full, or somebody in it is dead.
  void settle(uint32_t h, uint64_t open) noexcept {
    uint64_t last = row(h)[word_.parties - 1].look();
    if (!Place::taken(last, Hall::round(open))) {
      break_if_dead(h, open);
    } else if (word_.has_action == 0) {
      end(word_.halls[h], open, Hall::kOver | Hall::kPassed);
    } else if (is_dead(Place::owner(last))) {
      break_for_death(word_.halls[h], open);
    }
  }

  // Tells who sleeps in `place` that the next place was taken.
  static void call(Place& place) noexcept {
    // seq_cst: the place was taken before; who goes to sleep says so and then looks at it.
    if (place.call.load(std::memory_order_seq_cst) == Place::kAsleep) {
      place.call.store(Place::kCalled, std::memory_order_seq_cst);
      Parking<A>::wake(place.call, 1);
    }
  }

  // Whom a sleep watches.
  struct Watch {
    Owner owners[2];
    FutexPair lives[2] = {{nullptr, 0}, {nullptr, 0}};
    bool dying = false;  // one of them, and there is nothing to sleep on
  };
  // False when `who` is dead.
  bool watch(Owner who, int n, Watch* w) noexcept {
    if (!who || who == me_) {
      return true;
    }
    w->owners[n] = who;
    FutexPair& life = w->lives[n];
    life.word = family_.arm_life_word(who, &life.expected);
    // After arming: a death before it is seen here, one after it wakes us.
    if (family_.is_dead(who)) {
      family_.relay_death(who);
      return false;
    }
    w->dying = w->dying || (life.word == nullptr && family_.is_dying(who));
    return true;
  }

  // Sleeps once; true when it may have been for a whole slice.
  bool sleep(const typename Parking<A>::Word& seq, uint32_t seen,
             const typename Parking<A>::Word* called, const Watch& w, Deadline deadline,
             int64_t* nap) noexcept {
    const int64_t slice_ns = family_.slice_ns();
    int64_t longest = slice_ns;
    if (w.dying) {
      // See kFirstNapNs.
      longest = *nap = std::min(slice_ns, *nap == 0 ? kFirstNapNs : 2 * *nap);
    }
    Deadline slice = Deadline::of_slice(longest);
    A::step("barrier.before_sleep");
    FutexResult r = Parking<A>::wait_among(seq, seen, called, Place::kAsleep, w.lives,
                                           earlier(slice, deadline));
    for (int n : {0, 1}) {
      if (w.lives[n].word != nullptr && family_.is_dying(w.owners[n])) {
        // The kernel wakes one sleeper only, of whatever object.
        family_.relay_death(w.owners[n]);
      }
    }
    return r == FutexResult::kTimeout && longest == slice_ns;
  }

  // Waits until the round whose word is `open` is over; false when `deadline` passed first. `i`: the
  // caller's place, or `parties` if it has none.
  bool await_end(uint32_t h, uint64_t open, uint32_t i, Deadline deadline) noexcept {
    Hall& hall = word_.halls[h];
    const uint32_t round = Hall::round(open);
    const bool seated = i < word_.parties;
    auto over = [&] { return hall.look() != open; };
    if (over() || spin<A>(deadline.is_past_by_construction() ? 0 : kWakeNs, over)) {
      return true;
    }
    int64_t nap = 0;
    [[maybe_unused]] typename A::LoopHead head;
    for (;;) {
      head.again();
      uint32_t seq = hall.ended.ask();
      if (seated) {
        // seq_cst: before the look at the next place, against call().
        row(h)[i].call.store(Place::kAsleep, std::memory_order_seq_cst);
      }
      if (over()) {
        return true;
      }
      Watch w;
      uint64_t last = row(h)[word_.parties - 1].look();
      bool full = Place::taken(last, round);
      bool all_live;
      if (full) {
        if (word_.has_action == 0) {
          end(hall, open, Hall::kOver | Hall::kPassed);
          return true;
        }
        all_live = watch(Place::owner(last), 0, &w);
      } else {
        all_live = !seated || ((i == 0 || watch(owner_in(h, i - 1, round), 0, &w)) &&
                               watch(owner_in(h, i + 1, round), 1, &w));
      }
      if (!all_live) {
        // Full since that look: the death may be later still.
        if (!full && A::kBug != Bug::kBreakAFullRound && is_full(h, open)) {
          continue;
        }
        break_for_death(hall, open);
        return true;
      }
      bool whole_slice =
          sleep(hall.ended.seq, seq, seated ? &row(h)[i].call : nullptr, w, deadline, &nap);
      if (over()) {
        if (whole_slice) {
          family_.count_rescue();
        }
        return true;
      }
      if (whole_slice) {
        settle(h, open);
      }
      if (deadline.passed()) {
        return over();
      }
    }
  }

  Owner owner_in(uint32_t h, uint32_t i, uint32_t round) const noexcept {
    uint64_t st = row(h)[i].look();
    return Place::round(st) == round ? Place::owner(st) : Owner{};
  }

  // Opens the round after the one that is over with `st` in hall `h`, once everybody alive has left
  // the other hall; false when `deadline` passed first.
  bool open_next(uint32_t h, uint64_t st, Deadline deadline) noexcept {
    Owner in_the_way = try_open(h, st);
    if (!in_the_way) {
      return true;
    }
    Hall& hall = word_.halls[1 - h];
    int64_t nap = 0;
    [[maybe_unused]] typename A::LoopHead head;
    for (;;) {
      head.again();
      // They may still sleep: whoever ended their round may have died before it woke them.
      notify(hall.ended, kWakeAll);
      uint32_t seq = hall.left.ask();
      in_the_way = try_open(h, st);
      if (!in_the_way) {
        return true;
      }
      Watch w;
      if (watch(in_the_way, 0, &w) && sleep(hall.left.seq, seq, nullptr, w, deadline, &nap) &&
          !try_open(h, st)) {
        family_.count_rescue();
        return true;
      }
      if (deadline.passed()) {
        return !try_open(h, st);
      }
    }
  }

  // Opens the round after the one that is over with `st` in hall `h`, unless somebody alive has yet
  // to leave the other hall, and returns who. Each step names what it replaces: several may do this
  // at once, and one that is late changes nothing. May do nothing when `st` is of the past.
  Owner try_open(uint32_t h, uint64_t st) noexcept {
    Hall& other = word_.halls[1 - h];
    const uint32_t next = Hall::round(st) + 1;
    uint64_t before = other.look();
    if (!Word::later(next, Hall::round(before))) {
      return {};
    }
    if (!Hall::sealed(st)) {
      for (uint32_t i = 0; i < word_.parties; ++i) {
        if (Owner owner = renew(row(1 - h)[i], next)) {
          return owner;
        }
      }
      A::step("barrier.before_seal");
      // Before the next round can be seen as the current one: an abort or reset that has seen this
      // one as such must not be lost on it.
      if (!word_.halls[h].change(st, st | Hall::kSealed)) {
        return {};
      }
    }
    A::step("barrier.before_open");
    other.change(before, Hall::make(next));
    return {};
  }

  // Makes `place` free for round `next`; returns its owner if he lives and has not left.
  Owner renew(Place& place, uint32_t next) noexcept {
    uint64_t st = place.look();
    while (Word::later(next, Place::round(st))) {
      Owner owner = Place::owner(st);
      if (owner && !is_dead(owner) && A::kBug != Bug::kOpenOverTheLate) {
        return owner;
      }
      if (place.st.compare_exchange_strong(st, Place::make(next, 0), std::memory_order_seq_cst,
                                           std::memory_order_seq_cst)) {
        break;
      }
    }
    return {};
  }

  Word& word_;
  Place* places_;
  Owner me_;
  Liveness& family_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_BARRIER_H_
