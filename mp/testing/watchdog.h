// mp/testing/watchdog.h
//
// Watchdog: ends a test that hangs, and says where it hung.
//
//   TEST(Queue, GetWaitsForAPut) {
//     Watchdog dog(30s);
//     ...
//   }
//
// When `limit` passes before the destructor, it prints the seed and, of the process and all its descendants, what they
// wait for and their stacks (gdb's where gdb is installed), and then kills them all with SIGKILL, the process itself last.
//
// The watcher is a process: it starts no thread, so a test may fork as it likes; it is nobody's child, runs no fork
// handlers, and holds none of the process's files and locks. It goes when its process goes. A copy of the object in a
// forked child does nothing.

#ifndef MP_TESTING_WATCHDOG_H_
#define MP_TESTING_WATCHDOG_H_

#include <sys/types.h>

#include <chrono>

namespace mp::testing {

class Watchdog {
 public:
  // Under a sanitizer the limit is five times as long.
  explicit Watchdog(std::chrono::nanoseconds limit);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  pid_t owner_;
  int leash_;  // the watcher ends when a byte comes through it
};

}  // namespace mp::testing

#endif  // MP_TESTING_WATCHDOG_H_
