// mp/internal/sync/cond_word.h
//
// CondWord: the waiters of a condition, one node each, so that a notification has exactly one
// receiver and a dead one can be told from a live one. Lives in shared memory; zeroed memory has no
// waiters.
//
// Field  rule
// st     ticket:31 | owner:31 | state:2, one word, changed by CAS
//          waiter, lock held      kFree -> kWaiting, kNotified -> kFree
//          waiter, without lock   kWaiting -> kFree, at its timeout
//          notifier, lock held    kWaiting -> kNotified
//          anyone                 a dead owner's node -> kFree, after what it owes was passed on
// wake   the futex the waiter sleeps on: 0 from before kWaiting; after kNotified, with the lock
//        held, 1 and then, when the waiter has been woken, 2
//
// "Lock" is the condition's own lock, which wait() and notify() require to be held.
//
// Death   Waiter killed while kWaiting: its node is skipped and freed by the notifier that finds
//         it. Killed while kNotified: the notification goes to another waiter before the node is
//         freed; killed in between, it goes twice, and a waiter may wake for nothing, which wait()
//         allows. Notifier killed between st and the wake: `wake` is not 2, and the next notifier
//         wakes the waiter first; if none comes, the waiter sees kNotified at the end of its slice.

#ifndef MP_INTERNAL_SYNC_COND_WORD_H_
#define MP_INTERNAL_SYNC_COND_WORD_H_

#include <cstdint>

#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct CondNode {
  typename Atomics::template Atomic<uint64_t> st;
  typename Atomics::template Atomic<uint32_t> wake;
  uint32_t unused;

  enum State : uint32_t { kFree = 0, kWaiting = 1, kNotified = 2 };
  enum Wake : uint32_t { kSleep = 0, kWake = 1, kTold = 2 };

  static constexpr uint64_t make(uint32_t ticket, Owner owner, State state) noexcept {
    return uint64_t{ticket & 0x7fffffff} << 33 | uint64_t{owner.bits} << 2 | state;
  }
  static constexpr State state(uint64_t st) noexcept { return static_cast<State>(st & 3); }
  static constexpr Owner owner(uint64_t st) noexcept {
    return Owner{static_cast<uint32_t>(st >> 2) & 0x7fffffff};
  }
  static constexpr uint32_t ticket(uint64_t st) noexcept { return static_cast<uint32_t>(st >> 33); }

  // Registers the caller; false if the node is taken.
  bool enlist(uint32_t ticket, Owner me) noexcept {
    uint64_t seen = st.load(std::memory_order_relaxed);
    if (state(seen) != kFree) {
      return false;
    }
    wake.store(kSleep, std::memory_order_relaxed);
    // sync: cond-node (pairs with notify).
    return st.compare_exchange_strong(seen, make(ticket, me, kWaiting), std::memory_order_seq_cst,
                                      std::memory_order_relaxed);
  }

  // kWaiting -> kNotified; false if the waiter in `seen` left meanwhile. The caller wakes the
  // sleeper.
  bool notify(uint64_t seen) noexcept {
    if (!st.compare_exchange_strong(seen, (seen & ~uint64_t{3}) | kNotified,
                                    std::memory_order_seq_cst, std::memory_order_relaxed)) {
      return false;
    }
    Atomics::step("cond.notified");
    return true;
  }

  // Notified by somebody who died before the wake. Relaxed: who told it held the condition's lock, as the caller does.
  bool untold(uint64_t seen) const noexcept {
    return state(seen) == kNotified && wake.load(std::memory_order_relaxed) != kTold;
  }

  // The waiter's own look: was it notified?
  bool notified() const noexcept { return state(st.load(std::memory_order_seq_cst)) == kNotified; }

  // kWaiting -> kFree by the waiter itself at its timeout; false: it was notified in time.
  bool cancel() noexcept {
    uint64_t seen = st.load(std::memory_order_relaxed);
    return state(seen) == kWaiting && st.compare_exchange_strong(seen, 0, std::memory_order_seq_cst,
                                                                 std::memory_order_relaxed);
  }

  // Frees a node that `seen` shows; false if it changed meanwhile.
  bool clear(uint64_t seen) noexcept {
    return st.compare_exchange_strong(seen, 0, std::memory_order_seq_cst,
                                      std::memory_order_relaxed);
  }
};

// Further nodes, when more than CondWord::kNodes wait at once.
template <class Atomics = RealAtomics>
struct CondPage {
  static constexpr int kNodes = 29;
  std::byte block[32];  // the arena's header
  typename Atomics::template Atomic<uint64_t> more;
  CondNode<Atomics> nodes[kNodes];
};

template <class Atomics = RealAtomics>
struct CondWord {
  static constexpr int kNodes = 13;
  typename Atomics::template Atomic<uint32_t> tickets;
  uint32_t unused;
  typename Atomics::template Atomic<uint64_t> more;  // first CondPage
  CondNode<Atomics> nodes[kNodes];
};

static_assert(sizeof(CondNode<>) == 16);
static_assert(sizeof(CondPage<>) <= 512);
static_assert(sizeof(CondWord<>) + 32 <= 256);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_COND_WORD_H_
