// mp/internal/sync/barrier_word.h
//
// BarrierWord: the shared state of a barrier, without the places, of which there are two rows of
// `parties`. A row and its hall serve every other round; see docs/design.md for why.
//
// Field         written by                  rule
// hall.st       everyone, by CAS            round:32 | cause:8 | flags:8, the one word that says how
//                                           a round has ended
//                 0 -> flags                the end of the round
//                 kBroken off and on        reset and abort, after the end
//                 kSealed on                the places of round r+1 are ready: no abort any more
//                 {r, sealed} -> {r+2, 0}   the same hall opened anew
// hall.ended    see EventCount              who waits for the end of the round
// hall.left     see EventCount              who waits for the hall to be free
// place.st      by CAS                      round:32 | left:1 | owner:31
//                 {r, 0} -> {r, me}         arriving, in the order of the places
//                 {r, me} -> {r, left}      leaving, after the end of round r
//                 {r, any} -> {r+2, 0}      opening, after the end of round r; not over the living
// place.call    its owner, the next place's kAsleep: its owner may sleep and does not know the next
//                                           place's owner; kCalled: look again
//
// The current round is the later one of the two halls. An end is final, and an owner's place keeps
// its hall from the next round: who has a place can always read how its round ended.
//
// Death   In every state but "open and full" a word says all there is. Open and full without an
//         action: anyone ends it. See docs/design.md for each step.

#ifndef MP_INTERNAL_SYNC_BARRIER_WORD_H_
#define MP_INTERNAL_SYNC_BARRIER_WORD_H_

#include <cstdint>
#include <type_traits>

#include "mp/internal/base/barrier_cause.h"
#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/event_count.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct BarrierPlace {
  static constexpr uint32_t kLeft = 1u << 31;
  enum Call : uint32_t { kAwake = 0, kAsleep = 1, kCalled = 2 };

  typename Atomics::template Atomic<uint64_t> st;
  typename Atomics::template Atomic<uint32_t> call;
  uint32_t unused;

  static constexpr uint64_t make(uint32_t round, uint32_t low) noexcept {
    return uint64_t{round} << 32 | low;
  }
  static constexpr uint32_t round(uint64_t st) noexcept { return static_cast<uint32_t>(st >> 32); }
  // Nobody if it is free or was left.
  static constexpr Owner owner(uint64_t st) noexcept {
    uint32_t low = static_cast<uint32_t>(st);
    return Owner{(low & kLeft) != 0 ? 0 : low};
  }
  static constexpr bool taken(uint64_t st, uint32_t in_round) noexcept {
    return round(st) == in_round && static_cast<bool>(owner(st));
  }

  uint64_t look() const noexcept { return st.load(std::memory_order_seq_cst); }

  // Arrives; false when somebody else has.
  bool take(uint32_t in_round, Owner me) noexcept {
    uint64_t free = make(in_round, 0);
    // sync: barrier (pairs with the end): what each party did before it came is visible to all who
    // pass. seq_cst: the look at the neighbour's `call` must not pass it.
    return st.compare_exchange_strong(free, make(in_round, me.bits), std::memory_order_seq_cst,
                                      std::memory_order_relaxed);
  }

  // After the end of `in_round`, by the owner. seq_cst: the look at `left` must not pass it.
  void leave(uint32_t in_round) noexcept {
    st.exchange(make(in_round, Atomics::kBug == Bug::kLeaveAFreePlace ? 0 : kLeft),
                std::memory_order_seq_cst);
  }
};

template <class Atomics = RealAtomics>
struct BarrierHall {
  // Flags; all 0 while the round is open.
  static constexpr uint32_t kOver = 1;
  static constexpr uint32_t kPassed = 2;  // how it ended
  static constexpr uint32_t kBroken = 4;  // the barrier is broken now
  static constexpr uint32_t kSealed = 8;  // only opening the next round is left; the word is final

  typename Atomics::template Atomic<uint64_t> st;
  EventCount<Atomics> ended;
  EventCount<Atomics> left;

  static constexpr uint64_t make(uint32_t round, uint32_t flags = 0,
                                 BarrierCause cause = BarrierCause::kNone) noexcept {
    return uint64_t{round} << 32 | static_cast<uint32_t>(cause) << 8 | flags;
  }
  static constexpr uint32_t round(uint64_t st) noexcept { return static_cast<uint32_t>(st >> 32); }
  static constexpr bool over(uint64_t st) noexcept { return (st & kOver) != 0; }
  static constexpr bool passed(uint64_t st) noexcept { return (st & kPassed) != 0; }
  static constexpr bool broken(uint64_t st) noexcept { return (st & kBroken) != 0; }
  static constexpr bool sealed(uint64_t st) noexcept { return (st & kSealed) != 0; }
  static constexpr BarrierCause cause(uint64_t st) noexcept {
    return static_cast<BarrierCause>(st >> 8 & 0xff);
  }

  uint64_t look() const noexcept { return st.load(std::memory_order_seq_cst); }
  // seq_cst: the look at `ended` must not pass it. sync: barrier.
  bool change(uint64_t seen, uint64_t now) noexcept {
    return st.compare_exchange_strong(seen, now, std::memory_order_seq_cst,
                                      std::memory_order_relaxed);
  }
};

template <class Atomics = RealAtomics>
struct BarrierWord {
  using Hall = BarrierHall<Atomics>;
  using Place = BarrierPlace<Atomics>;

  Hall halls[2];
  // Written before anybody else knows of the barrier.
  uint32_t parties;
  uint32_t has_action;

  // Rounds wrap.
  static constexpr bool later(uint32_t a, uint32_t b) noexcept {
    return static_cast<int32_t>(a - b) > 0;
  }

  // Round 0 is open in the first hall; memory is zero, so its places are free.
  void start(uint32_t count, bool action) noexcept {
    parties = count;
    has_action = action ? 1 : 0;
    halls[1].st.store(Hall::make(~uint32_t{0}, Hall::kOver | Hall::kPassed | Hall::kSealed),
                      std::memory_order_relaxed);
  }

  struct Current {
    uint32_t hall;
    uint64_t st;
  };
  // The latest round. By now it may not be.
  Current current() const noexcept {
    uint64_t a = halls[0].look();
    uint64_t b = halls[1].look();
    return later(Hall::round(a), Hall::round(b)) ? Current{0, a} : Current{1, b};
  }

  static constexpr uint32_t kStale = ~uint32_t{0};
  // How many places of `row` are taken in `round`, which is the number of the first that is free;
  // kStale when the round is long over.
  uint32_t taken(const Place* row, uint32_t round) const noexcept {
    uint32_t i = 0;
    for (; i < parties; ++i) {
      uint64_t st = row[i].look();
      if (Place::round(st) != round) {
        return kStale;
      }
      if (!Place::owner(st)) {
        // Left: the round is over.
        return st == Place::make(round, 0) ? i : kStale;
      }
    }
    return i;
  }
};

static_assert(sizeof(BarrierPlace<>) == 16);
static_assert(sizeof(BarrierHall<>) == 32);
static_assert(sizeof(BarrierWord<>) == 72);
static_assert(std::is_standard_layout_v<BarrierWord<>>);
static_assert(std::is_trivially_destructible_v<BarrierWord<>>);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_BARRIER_WORD_H_
