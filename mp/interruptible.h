// mp/interruptible.h
//
// interruptible: calls that wait throw KeyboardInterrupt when SIGINT comes, as all of Python does.
//
//   mp::interruptible here;
//   try {
//     job = jobs.get();
//   } catch (const mp::KeyboardInterrupt&) {
//     std::puts("stopped by the user");
//   }
//
// Under it these throw: what waits for a lock, semaphore, condition, event, barrier, queue, connection
// or the end of a process, if it comes to nothing; polls too. A call that gets what it asks for
// returns it, and the next one throws. Without it SIGINT keeps its disposition, and a handler of yours
// does not end a call.
//
// Handles   Of the thread that makes it, as long as it lives; may be nested. Not copied or moved.
// Safety    Any thread. Each thread that has one gets its own KeyboardInterrupt.
// Ordering  None.
// Blocking  Never. No thread is started; a handler of SIGINT is installed as long as there is one.
// Cost      Two system calls. Other threads' calls: one load of a word that nobody writes.
// Death     As any process.
// Crossing  Not: a child has SIGINT's disposition from before, by fork too.
// Python    Only what is asked for is interrupted, and only where mp waits. A SIGINT that nobody has
//           answered by the end of the last one is sent again.

#ifndef MP_INTERRUPTIBLE_H_
#define MP_INTERRUPTIBLE_H_

#include "mp/internal/os/interrupt.h"

namespace mp {

class [[nodiscard]] interruptible {
 public:
  interruptible() { internal::enter_interruptible(); }
  ~interruptible() { internal::leave_interruptible(); }
  interruptible(const interruptible&) = delete;
  interruptible& operator=(const interruptible&) = delete;

  // Throws if SIGINT has come: for what works and does not wait.
  static void check() { internal::raise_if_interrupted(); }
};

}  // namespace mp

#endif  // MP_INTERRUPTIBLE_H_
