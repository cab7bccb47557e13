// mp/internal/sync/sem_word.h
//
// SemWord: a semaphore that knows who holds how many of its permits, so that those of the dead come
// back. Lives in shared memory; zeroed memory is a semaphore of value 0.
//
// What one process holds changes together with the value, in one word. Such a word has room for one
// holder, the mover: the process that took or gave last. What the others hold is in their cells.
//
// Field     written by           rule
// state.lo  everyone             frozen:1 | value:31 | mover's slot:12 | held by the mover:20
// state.hi  who changes movers   changes of movers so far:32 | died:1 | mover as an Owner:31
// sleepers  see EventCount       registered before the last look at the value
// a cell    its owner: `owner`   by slot. The last process with this slot that came here
//           everyone: `held`     changes of movers when it was written:32 | permits:32
//
// Invariants  A process that is not the mover holds what its cell says. The mover holds what lo
//             says, and what its cell has above kHalf. Value and holdings add up to the first
//             value.
// Same mover  One compare-and-swap of lo. Who reads its own slot in lo and itself in hi is the
//             mover: hi has named it, so no earlier process with its slot can be the mover again.
// New mover   lo and hi together, each step by whoever comes by:
//               1. lo is frozen: what the mover holds stands still.
//               2. The mover's cell is written, once for this value of hi.
//               3. The new mover, with what its cell says (kHalf at most), takes or gives.
//             Step 3 is the operation. Between 1 and 3 nothing depends on who began.
// The dead    Anyone makes the dead one the mover, and what it held goes to the value in the same
//             compare-and-swap, and `died` is set. There is no step at which permits are at two
//             places, or at none, or at hand and not marked.
// Signals     Who gives what it does not hold makes the semaphore a signal: the mover is kSignal,
//             nobody holds anything, for ever. Before that it gives back what the dead hold.
//
// Death   Killed anywhere: lo and hi are one truth, cells are not looked at while it would matter.
//         Killed between a change of the value and its wake, or as a woken sleeper: the other
//         sleepers' slices end.

#ifndef MP_INTERNAL_SYNC_SEM_WORD_H_
#define MP_INTERNAL_SYNC_SEM_WORD_H_

#include <algorithm>
#include <cstdint>

#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/event_count.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct SemCell {
  typename Atomics::template Atomic<uint32_t> owner;
  uint32_t unused;
  typename Atomics::template Atomic<uint64_t> held;

  static constexpr uint64_t make(uint32_t tag, uint32_t count) noexcept {
    return uint64_t{tag} << 32 | count;
  }
  static constexpr uint32_t tag(uint64_t held) noexcept {
    return static_cast<uint32_t>(held >> 32);
  }
  static constexpr uint32_t count(uint64_t held) noexcept { return static_cast<uint32_t>(held); }
};

// `cells` is anything with
//   SemCell<Atomics>* find(uint32_t slot)   null: nobody with this slot came here
template <class Atomics = RealAtomics, uint32_t kMostInWord = (1u << 20) - 1>
struct SemWord {
  using Cell = SemCell<Atomics>;

  static constexpr uint32_t kMaxValue = 0x7fffffff;
  // The slot that no process of the family uses.
  static constexpr uint32_t kSignal = Owner::kSlots - 1;
  static constexpr uint32_t kHalf = kMostInWord / 2;

  typename Atomics::Pair state;
  EventCount<Atomics> sleepers;
  uint32_t unused;

  // -- What a value of lo or hi says --

  static constexpr int kHeldBits = 20;
  static constexpr uint64_t kFrozen = uint64_t{1} << 63;
  static constexpr uint64_t kOne = uint64_t{1} << 32;
  static constexpr uint64_t kDied = uint64_t{1} << 31;
  static_assert(kMostInWord < 1u << kHeldBits && kHalf > 0 && kHalf < kMostInWord);

  static constexpr uint64_t make_lo(uint32_t value, uint32_t mover, uint32_t held) noexcept {
    return uint64_t{value} << 32 | mover << kHeldBits | held;
  }
  static constexpr uint32_t value_of(uint64_t lo) noexcept {
    return static_cast<uint32_t>(lo >> 32) & kMaxValue;
  }
  static constexpr uint32_t mover_of(uint64_t lo) noexcept {
    return static_cast<uint32_t>(lo) >> kHeldBits;
  }
  static constexpr uint32_t held_of(uint64_t lo) noexcept {
    return static_cast<uint32_t>(lo) & ((1u << kHeldBits) - 1);
  }
  static constexpr bool is_frozen(uint64_t lo) noexcept { return (lo & kFrozen) != 0; }
  static constexpr bool is_signal(uint64_t lo) noexcept { return mover_of(lo) == kSignal; }
  static constexpr Owner owner_of(uint64_t hi) noexcept {
    return Owner{static_cast<uint32_t>(hi & (kDied - 1))};
  }
  static constexpr uint32_t changes_of(uint64_t hi) noexcept {
    return static_cast<uint32_t>(hi >> 32);
  }

  // -- Before it is shared --

  void set(uint32_t value, bool signal) noexcept {
    state.lo.store(make_lo(value, signal ? kSignal : 0, 0), std::memory_order_relaxed);
  }

  // -- The short ways: false means no more than that the long way must be gone --

  bool take_as_mover(Owner me) noexcept {
    uint64_t lo = state.lo.load(std::memory_order_relaxed);
    // Relaxed, in any order with the first: that hi names us once is enough.
    uint64_t hi = state.hi.load(std::memory_order_relaxed);
    // In this order: not frozen and a value; our slot and room for one more.
    return static_cast<int64_t>(lo) >= static_cast<int64_t>(kOne) &&
           static_cast<uint32_t>(lo) - (me.slot() << kHeldBits) < kMostInWord &&
           owner_of(hi) == me &&
           // sync: sem (pairs with give): what was done before a permit was given is visible to who
           // takes it.
           state.lo.compare_exchange_strong(lo, lo - kOne + 1, std::memory_order_acquire,
                                            std::memory_order_relaxed);
  }

  // `bound`: the value may not rise above it.
  bool give_as_mover(Owner me, uint32_t bound) noexcept {
    uint64_t lo = state.lo.load(std::memory_order_relaxed);
    uint64_t hi = state.hi.load(std::memory_order_relaxed);
    // Frozen is above any bound.
    return static_cast<uint32_t>(lo >> 32) < bound &&
           static_cast<uint32_t>(lo) - (me.slot() << kHeldBits) - 1 < kMostInWord &&
           owner_of(hi) == me &&
           // sync: sem. seq_cst, not release: the look at `sleepers` must not pass it.
           state.lo.compare_exchange_strong(lo, lo + kOne - 1, std::memory_order_seq_cst,
                                            std::memory_order_relaxed);
  }

  // -- The long ways --

  // Takes a permit if there is one. The caller has claimed its cell, or it is a signal.
  template <class Cells>
  bool take(Owner me, const Cells& cells) noexcept {
    [[maybe_unused]] typename Atomics::LoopHead head;
    for (;;) {
      head.again();
      PairValue p = state.look();
      if (value_of(p.lo) == 0) {
        return false;
      }
      if (is_signal(p.lo)) {
        if (change_lo(p.lo, p.lo - kOne)) {
          return true;
        }
      } else if (is_mover(p, me) && !is_frozen(p.lo) && held_of(p.lo) < kMostInWord) {
        if (change_lo(p.lo, p.lo - kOne + 1)) {
          return true;
        }
      } else if (settled(p, cells)) {
        uint32_t mine = std::min(count(cells, me.slot()), kHalf);
        if (move(p, value_of(p.lo) - 1, me, mine + 1)) {
          return true;
        }
      }
    }
  }

  // What to do when the caller holds none.
  enum class Surplus {
    kAsk,   // nothing: give() returns kAsked
    kTurn,  // make a signal of it
    kAdd,   // one more permit, that nobody held
  };
  enum class Given { kYes, kFull, kAsked };

  // Gives a permit, unless the value would rise above `bound`: kFull.
  template <class Cells>
  Given give(Owner me, uint32_t bound, Surplus surplus, const Cells& cells) noexcept {
    [[maybe_unused]] typename Atomics::LoopHead head;
    for (;;) {
      head.again();
      PairValue p = state.look();
      uint32_t value = value_of(p.lo);
      if (value >= bound) {
        return Given::kFull;
      }
      if (is_signal(p.lo)) {
        if (change_lo(p.lo, p.lo + kOne)) {
          return Given::kYes;
        }
      } else if (is_mover(p, me) && !is_frozen(p.lo) && held_of(p.lo) > 0) {
        if (change_lo(p.lo, p.lo + kOne - 1)) {
          return Given::kYes;
        }
      } else if (settled(p, cells)) {
        uint32_t mine = own(cells, me);
        if (mine == 0 && surplus == Surplus::kAsk) {
          return Given::kAsked;
        }
        bool done =
            mine > 0 ? move(p, value + 1, me, std::min(mine, kHalf) - 1)
            : surplus == Surplus::kAdd
                ? move(p, value + 1, Owner{}, 0)
                : state.compare_exchange(p, {make_lo(value + 1, kSignal, 0), hi_after(p, Owner{})});
        if (done) {
          return Given::kYes;
        }
      }
    }
  }

  // Makes the cell of the caller's slot its own, which may take giving back what an earlier, dead
  // process with that slot held. Returns how many permits came back.
  template <class Cells>
  uint32_t claim(Owner me, uint32_t bound, const Cells& cells) noexcept {
    uint32_t back = 0;
    Cell* cell = cells.find(me.slot());
    for (;;) {
      Owner before = cell == nullptr ? me : Owner{cell->owner.load(std::memory_order_seq_cst)};
      if (before == me || is_signal()) {
        return back;
      }
      if (before) {
        back += give_back(before, bound, cells);
      }
      // It may be the mover still, with nothing, and its cell out of date.
      PairValue p = state.look();
      if (mover_of(p.lo) == me.slot() && owner_of(p.hi) != me) {
        if (settled(p, cells)) {
          move(p, value_of(p.lo), Owner{}, 0);
        }
      } else if (Cell::count(cell->held.load(std::memory_order_seq_cst)) == 0) {
        // sync: sem-cell: nobody makes one without permits the mover, so this stays true.
        cell->owner.store(me.bits, std::memory_order_seq_cst);
        return back;
      }
    }
  }

  // What the dead `owner` holds goes to the value. Returns how much that was; 0 also when another
  // did it.
  template <class Cells>
  uint32_t give_back(Owner owner, uint32_t bound, const Cells& cells) noexcept {
    Cell* cell = cells.find(owner.slot());
    uint32_t back = 0;
    for (;;) {
      PairValue p = state.look();
      if (is_signal(p.lo) || cell == nullptr) {
        return back;
      }
      if constexpr (Atomics::kBug == Bug::kGiveBackTwice) {
        uint64_t held = cell->held.load();
        if (mover_of(p.lo) != owner.slot() && Cell::count(held) > 0) {
          if (change_lo(p.lo, p.lo + kOne * Cell::count(held))) {
            cell->held.store(Cell::make(Cell::tag(held), 0));
            back += Cell::count(held);
          }
          continue;
        }
      }
      uint32_t held;
      if (is_mover(p, owner) && !is_frozen(p.lo) && held_of(p.lo) > 0) {
        held = held_of(p.lo);
      } else {
        // Looked at after p: true if p still is.
        uint32_t in_cell = count(cells, owner.slot());
        bool mover = is_mover(p, owner);
        bool none = mover ? !is_frozen(p.lo) && in_cell <= kHalf : in_cell == 0;
        if (none && mover && in_cell > 0 && state.hi.load(std::memory_order_seq_cst) != p.hi) {
          // It was frozen since, and then its cell says what it holds.
          continue;
        }
        if (none || cell->owner.load(std::memory_order_seq_cst) != owner.bits) {
          return back;
        }
        if (!settled(p, cells)) {
          continue;
        }
        held = std::min(count(cells, owner.slot()), kHalf);
        if (held == 0) {
          return back;
        }
      }
      constexpr bool kLate = Atomics::kBug == Bug::kMarkLate;
      // Who gave a surplus permit made the sum larger.
      if (move(p, std::min(value_of(p.lo) + held, bound), owner, 0, kLate ? 0 : kDied)) {
        back += held;
        if constexpr (kLate) {
          state.hi.fetch_or(kDied, std::memory_order_seq_cst);
        }
      }
    }
  }

  // Calls see(owner) for everyone who holds permits. each(f) calls f(slot, cell) for every cell. Who
  // takes its first permit meanwhile may be left out, who gives its last one may be in.
  template <class Each, class See>
  void each_holder(const Each& each, const See& see) noexcept {
    uint64_t lo = state.lo.load(std::memory_order_seq_cst);
    if (is_signal(lo)) {
      return;
    }
    each([&](uint32_t slot, Cell& cell) {
      uint32_t count = Cell::count(cell.held.load(std::memory_order_seq_cst));
      bool holds = count > 0;
      if (mover_of(lo) == slot) {
        // What a mover's cell says up to kHalf is in lo, until it is frozen.
        bool in_lo = !is_frozen(lo) && count <= kHalf && count > 0 &&
                     state.lo.load(std::memory_order_seq_cst) == lo;
        holds = held_of(lo) > 0 || (holds && !in_lo);
      }
      if (holds) {
        see(Owner{cell.owner.load(std::memory_order_seq_cst)});
      }
    });
  }

  // Permits of a dead process came back, and nobody has forgiven it since. Who takes a permit and
  // then reads this is told of the one who held it before.
  bool died() const noexcept { return (state.hi.load(std::memory_order_acquire) & kDied) != 0; }
  void forgive() noexcept { state.hi.fetch_and(~kDied, std::memory_order_seq_cst); }

  uint32_t value() const noexcept { return value_of(state.lo.load(std::memory_order_seq_cst)); }
  bool is_signal() const noexcept { return is_signal(state.lo.load(std::memory_order_seq_cst)); }

 private:
  static constexpr bool is_mover(const PairValue& p, Owner owner) noexcept {
    return mover_of(p.lo) == owner.slot() && owner_of(p.hi) == owner;
  }
  static constexpr uint64_t hi_after(const PairValue& p, Owner mover) noexcept {
    return uint64_t{changes_of(p.hi) + 1} << 32 | (p.hi & kDied) | mover.bits;
  }

  bool change_lo(uint64_t expected, uint64_t desired) noexcept {
    return state.lo.compare_exchange_strong(expected, desired, std::memory_order_seq_cst,
                                            std::memory_order_relaxed);
  }
  // `mark`: kDied, or nothing.
  bool move(PairValue p, uint32_t value, Owner mover, uint32_t held, uint64_t mark = 0) noexcept {
    return state.compare_exchange(p,
                                  {make_lo(value, mover.slot(), held), hi_after(p, mover) | mark});
  }

  // The cell of a slot that has one.
  template <class Cells>
  static Cell& at(const Cells& cells, uint32_t slot) noexcept {
    Cell* cell = cells.find(slot);
    if (cell == nullptr) {
      __builtin_unreachable();
    }
    return *cell;
  }
  template <class Cells>
  uint32_t count(const Cells& cells, uint32_t slot) noexcept {
    return Cell::count(at(cells, slot).held.load(std::memory_order_seq_cst));
  }
  // What the cell of `me` says, if it is its own.
  template <class Cells>
  uint32_t own(const Cells& cells, Owner me) noexcept {
    Cell* cell = cells.find(me.slot());
    bool mine = cell != nullptr && cell->owner.load(std::memory_order_seq_cst) == me.bits;
    return mine ? Cell::count(cell->held.load(std::memory_order_seq_cst)) : 0;
  }

  // Steps 1 and 2 of a new mover. When true, all cells are right as long as the state is p.
  template <class Cells>
  bool settled(PairValue& p, const Cells& cells) noexcept {
    if (mover_of(p.lo) == 0 || Atomics::kBug == Bug::kMoveWithoutRecord) {
      return true;
    }
    if (!is_frozen(p.lo) && Atomics::kBug != Bug::kNoFreeze) {
      PairValue frozen = {p.lo | kFrozen, hi_after(p, owner_of(p.hi))};
      if (!state.compare_exchange(p, frozen)) {
        return false;
      }
      p = frozen;
    }
    Cell& cell = at(cells, mover_of(p.lo));
    uint32_t tag = changes_of(p.hi);
    [[maybe_unused]] typename Atomics::LoopHead head;
    for (;;) {
      head.again();
      uint64_t seen = cell.held.load(std::memory_order_seq_cst);
      if (Cell::tag(seen) == tag) {
        return true;
      }
      // After the look at the cell: as long as hi is this, nobody but us who help writes the cell,
      // and when it is not any more the cell has changed.
      if (state.hi.load(std::memory_order_seq_cst) != p.hi) {
        return false;
      }
      uint32_t count = Cell::count(seen);
      uint32_t above = count - std::min(count, kHalf);
      if (cell.held.compare_exchange_strong(seen, Cell::make(tag, held_of(p.lo) + above),
                                            std::memory_order_seq_cst, std::memory_order_relaxed)) {
        return true;
      }
    }
  }
};

static_assert(sizeof(SemCell<>) == 16);
static_assert(sizeof(SemWord<>) == 32);
static_assert(std::is_standard_layout_v<SemWord<>>);
static_assert(std::is_trivially_destructible_v<SemWord<>>);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_SEM_WORD_H_
