// mp/internal/os/interrupt.h
//
// SIGINT under mp::interruptible: a handler counts it, and each thread that has a guard gives up what it waits for.
//
// Nothing here is shared with other processes. A waiting call gives up by the way it has for its deadline, so that no
// protocol of shared memory knows of interrupts; see Deadline.
//
// Noticed  At once by the thread that gets the signal; by another in a slice.
// Fork     A child, by whatever code, has the guards of the thread that forked, and else SIGINT's disposition from before
//          the first. A SIGINT that comes meanwhile finds the one that the child will have.
// Death    A killed process leaves nothing.

#ifndef MP_INTERNAL_OS_INTERRUPT_H_
#define MP_INTERNAL_OS_INTERRUPT_H_

#include "absl/status/status.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

// A guard of the calling thread begins and ends. Around the first and the last one of the process the handler is installed;
// a process that ignores SIGINT goes on ignoring it. If nobody has answered a SIGINT by the end of the last one, it is sent
// again, to whatever it was for before.
void enter_interruptible();
void leave_interruptible() noexcept;

// While it lives the child of a fork by this thread has no guard: it never comes back to where they end.
class ForkWithoutGuards {
 public:
  ForkWithoutGuards() noexcept;
  ~ForkWithoutGuards();
  ForkWithoutGuards(const ForkWithoutGuards&) = delete;
  ForkWithoutGuards& operator=(const ForkWithoutGuards&) = delete;
};

[[gnu::cold]] absl::Status answer_interrupt();
// The KeyboardInterrupt of this thread, which is answered with it; OK if there is none.
inline absl::Status take_interrupt() {
  return g_interruptible.load(std::memory_order_relaxed) == 0 ? absl::OkStatus()
                                                              : answer_interrupt();
}
// For a call that did not get what it waited for: throws it.
void raise_if_interrupted();

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_INTERRUPT_H_
