// mp/internal/sync/event_word.h
//
// EventWord: the shared state of a flag that processes set, clear and wait for. Lives in shared
// memory, 24 bytes; zeroed memory is clear.
//
// Field     written by    read by       rule
// changes   set, clear    everyone      how often the flag has changed: odd is set. Release on every
//                                       change, acquire on every look: that is Event's ordering
// sleepers  see EventCount
//
// A waiter keeps the even number it found first; any other number means that a set came since, even
// if a clear followed.
//
// Death   Every value is a valid resting state; nothing to repair. A setter killed between the
//         change and its wake: the waiters' slices end, or the next set() wakes them, also if the
//         flag is set already. A waiter killed: one needless wake, by the next set().

#ifndef MP_INTERNAL_SYNC_EVENT_WORD_H_
#define MP_INTERNAL_SYNC_EVENT_WORD_H_

#include <cstdint>
#include <type_traits>

#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/event_count.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct EventWord {
  typename Atomics::template Atomic<uint64_t> changes{0};
  EventCount<Atomics> sleepers;

  static constexpr bool is_set(uint64_t changes) noexcept { return (changes & 1) != 0; }

  // sync: event, and event-count: after a registration this look comes after it.
  uint64_t look() const noexcept { return changes.load(std::memory_order_seq_cst); }

  // Sets the flag; true when somebody may sleep: wake all.
  bool set() noexcept {
    uint64_t seen = changes.load(std::memory_order_relaxed);
    // sync: event. Also when it is set already: what the caller did before must come before the
    // clear() that follows, and a load would let its stores pass. seq_cst: the look at `sleepers`
    // must not pass it.
    while (!changes.compare_exchange_strong(seen, seen | 1, std::memory_order_seq_cst,
                                            std::memory_order_relaxed)) {
    }
    Atomics::step("event.set.before_wake");
    return sleepers.pending();
  }

  void clear() noexcept {
    uint64_t seen = changes.load(std::memory_order_seq_cst);
    // sync: event: who clears sees what was done before the set() it undoes.
    while (is_set(seen) &&
           !changes.compare_exchange_strong(seen, seen + 1, std::memory_order_seq_cst,
                                            std::memory_order_seq_cst)) {
    }
  }
};

static_assert(sizeof(EventWord<>) == 24);
static_assert(std::is_standard_layout_v<EventWord<>>);
static_assert(std::is_trivially_destructible_v<EventWord<>>);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_EVENT_WORD_H_
