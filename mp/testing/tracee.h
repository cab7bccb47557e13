// mp/testing/tracee.h
//
// Tracee: a forked child that runs one operation under ptrace, machine instruction by machine instruction, and can be
// killed or let go at each.
//
// A system call takes several steps: kInstruction (before it), kEntry (inside, the kernel has done nothing yet), kAsleep
// (if it blocks), and kInstruction behind it. So "before" and "after" a call are places of their own, and so is a death
// inside one that blocks. x86-64 only. The calling thread must be the one that made the object.

#ifndef MP_TESTING_TRACEE_H_
#define MP_TESTING_TRACEE_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "mp/testing/helper.h"

namespace mp::testing {

// What a Tracee runs.
class Traced {
 public:
  // At full speed, before the operation.
  virtual void prepare() {}
  // Step by step. Its first instruction is the first that is stepped, its return is the end.
  virtual void operate() = 0;

  void nothing() {}

 protected:
  ~Traced() = default;
};

class Tracee {
 public:
  enum class At {
    kInstruction,  // about to execute the instruction at address()
    kEntry,        // inside the system call at address()
    kAsleep,       // the same, and blocked
    kEnd,          // operate() is about to return to its caller
    kGone,         // it ended, or a signal is about to end it: see gone_text()
    kStuck,        // at full speed it reached nothing in a minute
  };

  using Call = void (Traced::*)();

  // Forks the child and lets it run until it is about to call operate(), or what is given in its place.
  explicit Tracee(Traced& what, Call prepare = &Traced::prepare, Call operate = &Traced::operate);
  // Kills and reaps what was not released.
  ~Tracee();
  Tracee(const Tracee&) = delete;
  Tracee& operator=(const Tracee&) = delete;

  pid_t pid() const { return pid_; }
  At at() const { return at_; }
  // The instruction it stands before, or whose system call it is in.
  uintptr_t address() const { return address_; }
  // The number of the system call it is in, or was in last.
  long call() const { return call_; }
  // System calls that have returned so far.
  int calls() const { return calls_; }
  // How it ended by itself: "killed by signal 11".
  const char* gone_text() const { return gone_text_; }

  // One step. From kAsleep it waits for the call to return, and is kAsleep again if nothing moved it within `patience`.
  At step(std::chrono::nanoseconds patience = std::chrono::milliseconds(300));
  // Full speed, from kInstruction, until it stands before `breakpoint` (0: nowhere), in the next system call's kEntry,
  // or at the end.
  At run(uintptr_t breakpoint = 0);
  // Full speed until it is in a futex call's kEntry: it has looked at everything and is about to sleep. False when it
  // came to the end instead.
  bool run_to_futex();

  // SIGKILL, and reaps it.
  void kill();
  // Lets it run on untraced, as a helper that is over after operate(). Not while it is asleep.
  Helper release(std::string name);
  // The same, but it is stopped by SIGSTOP before its next instruction; from kEntry, after the call.
  Helper release_stopped(std::string name);

  // Whether `address` belongs to the frame around the operation rather than to the operation.
  static bool is_frame(uintptr_t address);

 private:
  struct Breakpoint {
    uintptr_t address;
    long text;
  };

  At stopped(int status);
  bool await_stop(int* status, std::chrono::nanoseconds limit);
  At await_return(std::chrono::nanoseconds patience);
  bool is_call(uintptr_t address);
  void set_breakpoint(uintptr_t address);
  void clear_breakpoints();

  Line line_;
  pid_t pid_ = 0;
  At at_ = At::kGone;
  uintptr_t address_ = 0;
  long call_ = -1;
  int calls_ = 0;
  bool entered_ = false;
  char gone_text_[64] = "";
  std::vector<Breakpoint> breakpoints_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_TRACEE_H_
