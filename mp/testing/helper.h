// mp/testing/helper.h
//
// Helper: a forked process beside the one a test looks at: it holds a lock, sleeps behind the victim, takes what is left.

#ifndef MP_TESTING_HELPER_H_
#define MP_TESTING_HELPER_H_

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"

namespace mp::testing {

class Helper {
 public:
  // Forks a process that runs `body` and then ends with _exit(0). `name` is for messages.
  Helper(std::string name, absl::FunctionRef<void()> body);
  // Takes over a child that exists.
  Helper(std::string name, pid_t pid);
  // Kills what still runs, and waits for it.
  ~Helper();
  Helper(Helper&& other) noexcept;
  Helper& operator=(Helper&&) = delete;

  const std::string& name() const { return name_; }
  pid_t pid() const { return pid_; }
  // Whether it has ended; collects its status. Does not block.
  bool ended();
  // It ended in another way than with _exit(0), and nobody asked it to.
  bool crashed() const { return ended_ && !killed_ && status_ != 0; }
  // What waitpid() said, once it has ended.
  int status() const { return status_; }
  // False when it ended instead of falling asleep in a futex.
  bool await_asleep() const;
  void kill();

 private:
  friend std::string await_ended(std::span<Helper* const>, std::chrono::nanoseconds,
                                 std::chrono::nanoseconds);

  std::string name_;
  pid_t pid_ = 0;
  int pidfd_ = -1;
  int status_ = 0;
  bool ended_ = false;
  bool killed_ = false;
};

// Waits until all have ended and returns "". Gives up, and says who hangs where, when nobody can move any more: all who
// are left have slept in a futex for the time `quiet` without a single turn on a processor; or after `limit`.
// A process that is merely slow is never taken for one that hangs: it is not asleep.
std::string await_ended(std::span<Helper* const> helpers,
                        std::chrono::nanoseconds quiet = std::chrono::milliseconds(300),
                        std::chrono::nanoseconds limit = std::chrono::seconds(10));

// Keeps the calling process on one processor while it lives: a tracer and its tracee step twice as fast there. Helpers
// are let go everywhere.
class PinnedToOneCpu {
 public:
  PinnedToOneCpu();
  ~PinnedToOneCpu();
};

}  // namespace mp::testing

#endif  // MP_TESTING_HELPER_H_
