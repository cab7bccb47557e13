// mp/internal/sync/lock_word.h
//
// LockWord: the shared state of a lock that survives its owner. Lives in shared memory, 16 bytes;
// zeroed memory is free.
//
// Field     written by                read by            rule
// word      acquire, release, repair  everyone           claim and owner are one word; acquire on
//                                                        taking, release on giving
// sleepers  see EventCount            release, repair    registered before the last look at the
//                                                        word; may only over-estimate
//
// Values of word   0                free
//                  kDirty           free, and the last owner died holding it
//                  owner            held
//                  owner | kDirty   held by one who was told that the owner before died, until it
//                                   releases
//
// Death   Owner killed: any waiter does repair(), one CAS that names the dead owner, then wakes.
//         Killed between the release and its wake, or as a woken waiter before it took the word:
//         the other waiters' slices end. Killed as a waiter: one needless wake, by the next
//         release. Every state between two steps is a valid one; repair() may be repeated by
//         anybody.

#ifndef MP_INTERNAL_SYNC_LOCK_WORD_H_
#define MP_INTERNAL_SYNC_LOCK_WORD_H_

#include <cstdint>
#include <type_traits>

#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/event_count.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct LockWord {
  static constexpr uint32_t kDirty = 1u << 31;

  typename Atomics::template Atomic<uint32_t> word{0};
  EventCount<Atomics> sleepers;

  enum class Take { kNo, kClean, kDirty };

  // Takes the lock if it is free; `dirty_too`: also when the last owner died holding it.
  Take try_acquire(Owner me, bool dirty_too = true) noexcept {
    uint32_t free = 0;
    // sync: lock (pairs with release): what the last owner wrote is visible to the next.
    if (word.compare_exchange_strong(free, me.bits, std::memory_order_acquire,
                                     std::memory_order_relaxed)) [[likely]] {
      return Take::kClean;
    }
    return free == kDirty && dirty_too ? try_acquire_dirty(me) : Take::kNo;
  }

  Take try_acquire_dirty(Owner me) noexcept {
    uint32_t free = kDirty;
    // sync: lock (pairs with repair).
    return word.compare_exchange_strong(free, me.bits | kDirty, std::memory_order_acquire,
                                        std::memory_order_relaxed)
               ? Take::kDirty
               : Take::kNo;
  }

  struct Release {
    uint32_t old;  // the word before: 0 or kDirty means that nobody held it
    bool wake;     // somebody may sleep: wake one
  };

  // Gives the lock back, whoever holds it. `free` is 0, or kDirty from an owner who was told that
  // the one before died and leaves that to be told to the next: what repair() leaves.
  Release release(uint32_t free = 0) noexcept {
    // sync: lock. seq_cst, not release: the look at `sleepers` must not pass it, against a waiter
    // that registers and then looks at the word.
    uint32_t old = word.exchange(free, std::memory_order_seq_cst);
    Atomics::step("lock.release.before_wake");
    return {old, sleepers.pending()};
  }

  // The same if somebody holds it; else it stays as it is. For whoever may be mistaken where the mark
  // keeps others out: between an exchange and remember() somebody would be let in.
  Release release_if_held(uint32_t free = 0) noexcept {
    uint32_t old = word.load(std::memory_order_relaxed);
    if constexpr (Atomics::kBug == Bug::kReleaseUnasked) {
      old = word.exchange(free, std::memory_order_seq_cst);
      if (old == kDirty) {
        word.fetch_or(kDirty, std::memory_order_seq_cst);
      }
      return {old, sleepers.pending()};
    }
    do {
      if (!owner_of(old)) [[unlikely]] {
        return {old, false};
      }
      // sync: lock. seq_cst as in release().
    } while (!word.compare_exchange_strong(old, free, std::memory_order_seq_cst,
                                           std::memory_order_relaxed));
    Atomics::step("lock.release.before_wake");
    return {old, sleepers.pending()};
  }

  // After a release() by mistake took the mark of a death off a free lock: who has it by now, or takes it next, gets the
  // news. For locks that do not refuse: for those nobody may get in meanwhile.
  void remember() noexcept { word.fetch_or(kDirty, std::memory_order_relaxed); }

  // Forgets that the last owner, or the one before, died.
  void forgive() noexcept {
    if constexpr (Atomics::kBug == Bug::kRecoverByStore) {
      word.store(0, std::memory_order_seq_cst);
      return;
    }
    uint32_t seen = word.load(std::memory_order_relaxed);
    while ((seen & kDirty) != 0 &&
           !word.compare_exchange_strong(seen, seen & ~kDirty, std::memory_order_seq_cst,
                                         std::memory_order_relaxed)) {
    }
  }

  // The owner that a value of `word` names.
  static constexpr Owner owner_of(uint32_t value) noexcept { return Owner{value & ~kDirty}; }

  // Frees the word of the dead owner in `seen`; false if it was not in it any more. The caller
  // wakes all afterwards.
  bool repair(uint32_t seen) noexcept {
    constexpr bool kLate = Atomics::kBug == Bug::kMarkLate;
    // sync: lock: what the dead owner wrote is visible to the next.
    if (!word.compare_exchange_strong(seen, kLate ? 0 : kDirty, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
      return false;
    }
    if constexpr (kLate) {
      word.fetch_or(kDirty, std::memory_order_seq_cst);
    }
    return true;
  }
};

static_assert(sizeof(LockWord<>) == 16);
static_assert(std::is_standard_layout_v<LockWord<>>);
static_assert(std::is_trivially_destructible_v<LockWord<>>);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_LOCK_WORD_H_
