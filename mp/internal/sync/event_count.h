// mp/internal/sync/event_count.h
//
// EventCount: sleeping until "something changed", for conditions that live in other words. 12
// bytes; zeroed memory is valid. A notifier makes no system call while nobody has registered.
//
// Field    written by   read by    rule
// seq      notifiers    sleepers   the futex; a new value means: look again
// asked    sleepers     notifiers  registrations so far; one per sleep, before the last look at the
//                                  condition
// served   notifiers    notifiers  a value of `asked` up to which nobody sleeps any more, or any
//                                  older one
//
// Sleeper   s = seq; asked++; look at the condition; sleep while seq == s.
// Notifier  change the condition; full fence; if asked != served: r = asked; seq++; wake `count`.
//           When the wake found fewer than that, whoever registered up to r is awake or will see
//           the new seq: served = r. Otherwise somebody may still sleep: served = r - 1, so that
//           the two never drift so far apart that they meet again.
// Death     asked != served may only over-estimate: a dead sleeper costs a later notifier one empty
//           wake, which settles it; a notifier killed anywhere leaves them unequal, so the next one
//           wakes.

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

  // First half of a notification; returns what serve() takes. Then wake `seq`.
  uint32_t advance() noexcept {
    uint32_t r = asked.load(std::memory_order_seq_cst);
    Atomics::step("event_count.before_advance");
    seq.fetch_add(1, std::memory_order_seq_cst);
    return r;
  }

  // Second half; `all`: nobody who registered up to r sleeps any more.
  void serve(uint32_t r, bool all) noexcept {
    served.store(all ? r : r - 1, std::memory_order_seq_cst);
  }
};

static_assert(sizeof(EventCount<>) == 12);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_EVENT_COUNT_H_
