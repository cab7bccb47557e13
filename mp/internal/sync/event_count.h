// mp/internal/sync/event_count.h
//
// EventCount: sleeping until "something changed", for conditions that live in other words. 12
// bytes; zeroed memory is valid. A notifier makes no system call while nobody has registered.
//
// Field    written by   read by    rule
// seq      notifiers    sleepers   the futex; a new value means: look again
// asked    sleepers     notifiers  registrations so far; one per sleep, before the last look at the
//                                  condition
// served   notifiers    notifiers  at most the number of registrations whose sleep is over
//
// Sleeper   s = seq; asked++; look at the condition; sleep while seq == s; register anew before it
//           sleeps again after a wake.
// Notifier  change the condition; full fence; if asked != served: r = asked; t = served; seq++;
//           wake `count`, which finds n; raise served to t + n. When n < count, whoever registered
//           up to r is awake or will see the new seq: raise it to r at least.
//
// How many sleeps are over can only grow, and n of them were not when t was read. So t + n and r
// are never too many, however late they are written and whoever has raised `served` meanwhile. To
// add n to what stands there by then would be: another's r may have counted the same sleeps.
// So asked - served is the number of sleepers, or more: one for whoever registered and ended its
// sleep without a wake, and n where a notifier has yet to write. Such a rest costs a later notifier
// one empty wake, which settles it.
//
// Death     It may only over-estimate: a sleeper killed is one that ends without a wake, or with
//           one; a notifier killed anywhere leaves the two unequal, so the next one wakes.

#ifndef MP_INTERNAL_SYNC_EVENT_COUNT_H_
#define MP_INTERNAL_SYNC_EVENT_COUNT_H_

#include <cstdint>

#include "mp/internal/sync/atomics.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct EventCount {
  typename Atomics::template Atomic<uint32_t> seq{0};
  typename Atomics::template Atomic<uint32_t> asked{0};
  typename Atomics::template Atomic<uint32_t> served{0};

  // Registers for one sleep and returns the seq to sleep on. The caller then looks at its condition
  // once more.
  uint32_t ask() noexcept {
    uint32_t s = seq.load(std::memory_order_seq_cst);
    // sync: event-count (pairs with pending): the registration comes before the last look at the
    // condition.
    asked.fetch_add(1, std::memory_order_seq_cst);
    return s;
  }

  // After the condition was changed and a full fence: whether somebody may sleep.
  bool pending() const noexcept {
    return asked.load(std::memory_order_seq_cst) != served.load(std::memory_order_relaxed);
  }

  struct Before {
    uint32_t asked;
    uint32_t served;
  };

  // First half of a notification; returns what serve() takes. Then wake `seq`.
  Before advance() noexcept {
    Before before = {asked.load(std::memory_order_seq_cst), served.load(std::memory_order_seq_cst)};
    Atomics::step("event_count.before_advance");
    seq.fetch_add(1, std::memory_order_seq_cst);
    return before;
  }

  // Second half. The wake has found `woken`; `all`: nobody else sleeps who had registered before.
  void serve(Before before, uint32_t woken, bool all) noexcept {
    uint32_t seen = before.served;
    if constexpr (Atomics::kBug == Bug::kAddTheWoken) {
      seen = served.load(std::memory_order_seq_cst);
    }
    uint32_t over = seen + woken;
    // Rests must not add up until the two meet again. There are never so many sleepers.
    const uint32_t least = all ? before.asked : before.asked - kMostSleepers;
    over = is_before(over, least) ? least : over;
    if (is_before(asked.load(std::memory_order_seq_cst), over)) {
      return;  // so late that the numbers have gone round
    }
    while (is_before(seen, over) &&
           !served.compare_exchange_strong(seen, over, std::memory_order_seq_cst)) {
    }
  }

 private:
  // The kernel has at most 2^22 threads.
  static constexpr uint32_t kMostSleepers = 1u << 30;

  // Of two counts that are near each other.
  static constexpr bool is_before(uint32_t a, uint32_t b) noexcept {
    return static_cast<int32_t>(a - b) < 0;
  }
};

static_assert(sizeof(EventCount<>) == 12);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_EVENT_COUNT_H_
