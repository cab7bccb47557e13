// mp/internal/os/child_signals.h
//
// How a single-threaded server waits for requests and for the ends of its children at once.

#ifndef MP_INTERNAL_OS_CHILD_SIGNALS_H_
#define MP_INTERNAL_OS_CHILD_SIGNALS_H_

#include <signal.h>

#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

class ChildSignals {
 public:
  // Blocks SIGCHLD, and SIGINT, which a terminal sends to everybody and which is for the others to
  // answer. 0 or an errno.
  int start() noexcept;
  // In a forked child: the mask as it was, no descriptor.
  void undo() noexcept;

  struct Ready {
    bool first = false;
    bool second = false;
    bool child = false;
  };
  // Sleeps until `first` or `second` is readable (-1: no descriptor) or a child may have ended.
  Ready wait(int first, int second) noexcept;

 private:
  sigset_t before_;
  UniqueFd fd_;
};

// Reaps `pid` if it has ended, and reports what wait() does. -1 and false when it is no child of
// ours.
enum class Look { kRunning, kEnded, kNoChild };
Look look_at_child(int pid, int* status) noexcept;

// The pid of some child that has ended and is not reaped; 0 when there is none.
int any_ended_child() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_CHILD_SIGNALS_H_
