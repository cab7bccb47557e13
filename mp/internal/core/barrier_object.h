// mp/internal/core/barrier_object.h
//
// BarrierObject: what a Barrier is in shared memory, 32 bytes for each party and 112 besides. See
// BarrierWord for the protocol.

#ifndef MP_INTERNAL_CORE_BARRIER_OBJECT_H_
#define MP_INTERNAL_CORE_BARRIER_OBJECT_H_

#include <cstdint>

#include "mp/internal/base/barrier_cause.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/park/barrier.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/barrier_word.h"
#include "mp/timeout.h"

namespace mp::internal {

template <class A = RealAtomics>
struct BarrierObject {
  using Call = BarrierCall<A>;

  Block block;
  BarrierWord<A> word;
  // Of a wait() without one. Written before anybody else knows of it.
  Timeout timeout;
  // Two rows of places follow.

  static constexpr uint64_t size(uint64_t parties) noexcept {
    return sizeof(BarrierObject) + 2 * parties * sizeof(BarrierPlace<A>);
  }

  Call call() noexcept {
    return Call(word, reinterpret_cast<BarrierPlace<A>*>(this + 1), self(), *Family::current());
  }

  // Waits; the one who comes last runs `act()` before anybody passes. What that throws breaks the
  // barrier.
  template <class Act>
  typename Call::Result wait(Deadline deadline, const Act& act) {
    Call c = call();
    typename Call::Seat seat = c.arrive(deadline);
    if (seat.cause != BarrierCause::kNone) {
      return {.cause = seat.cause};
    }
    if (c.must_act(seat)) {
      // However the action is left, also by the end of its thread.
      struct Guard {
        ~Guard() {
          if (!done) {
            call.fail(seat);
          }
        }
        Call& call;
        const typename Call::Seat& seat;
        bool done = false;
      } guard{c, seat};
      act();
      guard.done = true;
    }
    return c.depart(seat, deadline);
  }
};

static_assert(sizeof(BarrierObject<>) % alignof(BarrierPlace<>) == 0);
static_assert(sizeof(BarrierObject<>) == 112);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_BARRIER_OBJECT_H_
