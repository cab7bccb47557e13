// mp/testing/helper.h
//
// Helper: a forked process beside the one a test looks at: it holds a lock, sleeps behind the
// victim, takes what is left.
//
// When its body is over, the process stays until the object goes: the end of a process wakes those
// who sleep over what it holds, and would hide that nobody else has woken them.

#ifndef MP_TESTING_HELPER_H_
#define MP_TESTING_HELPER_H_

#include <sched.h>
#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"

namespace mp::testing {

// How a process says that its work is over, and then waits for its end: two sockets.
class Line {
 public:
  Line();
  ~Line();
  Line(Line&& other) noexcept;
  Line& operator=(Line&&) = delete;

  // In the parent, after the fork; then fd() becomes readable when the child is over or gone.
  void become_parent();
  int fd() const { return mine_; }
  // In the parent: whether the child has said that it is over.
  bool is_over() const;
  // In the child. It then does not preempt the one who wakes it.
  void become_child();
  [[noreturn]] void over();

 private:
  int mine_ = -1;
  int other_ = -1;
};

// Whether `pid`, who may be anybody's child, has said over().
bool over(pid_t pid);

class Helper {
 public:
  // Forks a process that runs `body`. `name` is for messages.
  Helper(std::string name, absl::FunctionRef<void()> body);
  // Takes over a child that exists and will say over() when it is.
  Helper(std::string name, pid_t pid, Line line);
  // Kills and reaps it.
  ~Helper();
  Helper(Helper&&) = default;
  Helper& operator=(Helper&&) = delete;

  const std::string& name() const { return name_; }
  pid_t pid() const { return pid_; }
  // Whether the body is over, or the process gone. Does not block.
  bool ended();
  // It is gone, and neither was its body over nor was it killed from here.
  bool crashed() const { return crashed_; }
  // What waitpid() said of one that crashed.
  int status() const { return status_; }
  // False when it ended instead of falling asleep in a futex.
  bool await_asleep();
  void kill();

 private:
  friend std::string await_ended(std::span<Helper* const>, std::chrono::nanoseconds,
                                 std::chrono::nanoseconds);

  std::string name_;
  Line line_;
  pid_t pid_ = 0;
  int status_ = 0;
  bool ended_ = false;
  bool crashed_ = false;
  bool reaped_ = false;
};

// Something that the harness tells a helper to do, once. The helper does not sleep in a futex over
// it: it is neither settled nor stuck.
class Order {
 public:
  Order();
  ~Order();
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  void give();
  void wait();
  // Takes back what was given and not waited for.
  void renew();

 private:
  int fd_;
};

// Waits until all have ended and returns "". Gives up, and says who hangs where, when nobody can
// move any more: all who are left have slept in a futex for the time `quiet` without a single turn
// on a processor; or after `limit`. A process that is merely slow is never taken for one that
// hangs: it is not asleep.
std::string await_ended(std::span<Helper* const> helpers,
                        std::chrono::nanoseconds quiet = std::chrono::milliseconds(300),
                        std::chrono::nanoseconds limit = std::chrono::seconds(10));

// Keeps the calling process, and those it forks, on one processor while it lives: a tracer and its
// tracee step twice as fast there, and who wakes whom is no race.
class PinnedToOneCpu {
 public:
  // The nth of those it may use, counted round.
  explicit PinnedToOneCpu(int nth);
  ~PinnedToOneCpu();
  PinnedToOneCpu(const PinnedToOneCpu&) = delete;
  PinnedToOneCpu& operator=(const PinnedToOneCpu&) = delete;

 private:
  cpu_set_t all_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_HELPER_H_
