#include "mp/testing/tracee.h"

#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>
#include <utility>

#include "mp/testing/proc.h"

// Where the operation begins and ends: labels in run_marked().
extern "C" {
extern const char mp_testing_operation_begin[];
extern const char mp_testing_operation_end[];
}

namespace mp::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLimit{60};

uintptr_t begin_address() { return reinterpret_cast<uintptr_t>(mp_testing_operation_begin); }
uintptr_t end_address() { return reinterpret_cast<uintptr_t>(mp_testing_operation_end); }

__attribute__((noinline)) void run_marked(Traced& what, Tracee::Call operate) {
  asm volatile(".globl mp_testing_operation_begin\nmp_testing_operation_begin:" ::: "memory");
  (what.*operate)();
  asm volatile(".globl mp_testing_operation_end\nmp_testing_operation_end:\n\tnop" ::: "memory");
}

[[noreturn]] void broken(const char* what) {
  std::perror(what);
  std::abort();
}

uintptr_t read_register(pid_t pid, size_t offset) {
  return static_cast<uintptr_t>(
      ptrace(PTRACE_PEEKUSER, pid, reinterpret_cast<void*>(offset), nullptr));
}

uintptr_t instruction_pointer(pid_t pid) {
  return read_register(pid, offsetof(user, regs) + offsetof(user_regs_struct, rip));
}

// The signal in a stop that changes nothing for the operation and is passed on; 0 for every other stop.
int harmless_signal(int status) {
  int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
  bool harmless = signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
  return harmless ? signal : 0;
}

}  // namespace

bool Tracee::is_frame(uintptr_t address) {
  return address >= begin_address() && address <= end_address();
}

Tracee::Tracee(Traced& what, Call prepare, Call operate) {
  pid_ = fork();
  if (pid_ < 0) {
    broken("mp::testing::Tracee: fork");
  }
  if (pid_ == 0) {
    line_.become_child();
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
      std::perror("mp::testing::Tracee: PTRACE_TRACEME");
      _exit(127);
    }
    (what.*prepare)();
    // Neither raise() nor kill(): when they go on, the one changes the signal mask back, and TSan's other asks for the pid.
    syscall(SYS_kill, getpid(), SIGSTOP);
    run_marked(what, operate);
    line_.over();
  }
  line_.become_parent();
  int status = 0;
  if (!await_stop(&status, kLimit)) {
    at_ = At::kStuck;
    return;
  }
  if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP) {
    stopped(status);
    return;
  }
  ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  at_ = At::kInstruction;
  run(begin_address());
  calls_ = 0;
}

Tracee::~Tracee() { kill(); }

// Takes in a stop, or an end, and says where that leaves the child.
Tracee::At Tracee::stopped(int status) {
  if (WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80)) {
    address_ = instruction_pointer(pid_);
    entered_ = !entered_;
    if (entered_) {
      // The pointer is behind the instruction already.
      address_ -= 2;
      call_ = static_cast<long>(
          read_register(pid_, offsetof(user, regs) + offsetof(user_regs_struct, orig_rax)));
      return at_ = At::kEntry;
    }
    ++calls_;
    return at_ = At::kInstruction;
  }
  if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
    address_ = instruction_pointer(pid_);
    return at_ = address_ == end_address() ? At::kEnd : At::kInstruction;
  }
  if (WIFSTOPPED(status)) {
    address_ = instruction_pointer(pid_);
    std::snprintf(gone_text_, sizeof gone_text_, "stopped by signal %d", WSTOPSIG(status));
  } else if (WIFSIGNALED(status)) {
    std::snprintf(gone_text_, sizeof gone_text_, "killed by signal %d", WTERMSIG(status));
    pid_ = 0;
  } else {
    std::snprintf(gone_text_, sizeof gone_text_, "ended with status %d", WEXITSTATUS(status));
    pid_ = 0;
  }
  return at_ = At::kGone;
}

bool Tracee::await_stop(int* status, std::chrono::nanoseconds limit) {
  for (Clock::time_point end = Clock::now() + limit;;) {
    pid_t got = waitpid(pid_, status, WNOHANG | __WALL);
    if (got == pid_) {
      return true;
    }
    if ((got < 0 && errno != EINTR) || Clock::now() >= end) {
      return false;
    }
    sched_yield();
  }
}

// From inside a system call: until it returns, or sleeps.
Tracee::At Tracee::await_return(std::chrono::nanoseconds patience) {
  bool was_asleep = at_ == At::kAsleep;
  Clock::time_point start = Clock::now();
  uint64_t turns = 0;
  for (int looks = 0;;) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG | __WALL) == pid_) {
      return stopped(status);
    }
    sched_yield();
    // A call that does not block is over before the state is worth a look.
    if (++looks % 8 != 0) {
      continue;
    }
    Clock::time_point now = Clock::now();
    if (process_state(pid_) == 'S') {
      // The same sleep, seen twice.
      uint64_t t = switches(pid_);
      if (turns == t + 1 && (!was_asleep || now - start >= patience)) {
        return at_ = At::kAsleep;
      }
      if (turns != t + 1) {
        turns = t + 1;
        start = now;
      }
    } else if (now - start >= kLimit) {
      return at_ = At::kStuck;
    }
  }
}

Tracee::At Tracee::step(std::chrono::nanoseconds patience) {
  int status = 0;
  switch (at_) {
    case At::kInstruction:
      if (is_call(address_)) {
        ptrace(PTRACE_SYSCALL, pid_, nullptr, nullptr);
      } else {
        ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
      }
      for (;;) {
        // An instruction, and the way into a call, always ends.
        if (waitpid(pid_, &status, __WALL) < 0) {
          if (errno != EINTR) {
            broken("mp::testing::Tracee: waitpid");
          }
        } else if (int signal = harmless_signal(status); signal != 0) {
          ptrace(PTRACE_SINGLESTEP, pid_, nullptr, signal);
        } else {
          return stopped(status);
        }
      }
    case At::kEntry:
      ptrace(PTRACE_SYSCALL, pid_, nullptr, nullptr);
      return await_return(patience);
    case At::kAsleep:
      return await_return(patience);
    case At::kEnd:
    case At::kGone:
    case At::kStuck:
      break;
  }
  return at_;
}

Tracee::At Tracee::run(uintptr_t breakpoint) {
  if (at_ != At::kInstruction || address_ == breakpoint) {
    return at_;
  }
  set_breakpoint(end_address());
  if (breakpoint != 0) {
    set_breakpoint(breakpoint);
  }
  ptrace(PTRACE_SYSCALL, pid_, nullptr, nullptr);
  int status = 0;
  for (int signal = -1; signal != 0;) {
    if (!await_stop(&status, kLimit)) {
      return at_ = At::kStuck;
    }
    signal = harmless_signal(status);
    if (signal != 0) {
      ptrace(PTRACE_SYSCALL, pid_, nullptr, signal);
    }
  }
  stopped(status);
  if (pid_ == 0) {
    return at_;
  }
  clear_breakpoints();
  uintptr_t hit = at_ == At::kInstruction || at_ == At::kEnd ? address_ - 1 : 0;
  if (hit != 0 && (hit == breakpoint || hit == end_address())) {
    // Back to before the breakpoint.
    ptrace(PTRACE_POKEUSER, pid_,
           reinterpret_cast<void*>(offsetof(user, regs) + offsetof(user_regs_struct, rip)), hit);
    address_ = hit;
    at_ = hit == end_address() ? At::kEnd : At::kInstruction;
  }
  return at_;
}

bool Tracee::run_to_futex() {
  while (at_ == At::kInstruction) {
    if (run() == At::kEntry) {
      if (call_ == SYS_futex || call_ == 449 || call_ == 455) {
        return true;
      }
      step();
    }
  }
  return false;
}

void Tracee::kill() {
  if (pid_ == 0) {
    return;
  }
  ::kill(pid_, SIGKILL);
  // What was about to be reported comes first.
  for (int status = 0;;) {
    pid_t got = waitpid(pid_, &status, __WALL);
    if ((got == pid_ && !WIFSTOPPED(status)) || (got < 0 && errno != EINTR)) {
      break;
    }
  }
  pid_ = 0;
  at_ = At::kGone;
}

Helper Tracee::release(std::string name) {
  ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
  at_ = At::kGone;
  return Helper(std::move(name), std::exchange(pid_, 0), std::move(line_));
}

Helper Tracee::release_stopped(std::string name) {
  ::kill(pid_, SIGSTOP);
  return release(std::move(name));
}

bool Tracee::is_call(uintptr_t address) {
  // The text is the same in every child.
  static auto* known = new std::unordered_map<uintptr_t, bool>;
  auto [at, is_new] = known->try_emplace(address, false);
  if (is_new) {
    errno = 0;
    long text = ptrace(PTRACE_PEEKTEXT, pid_, reinterpret_cast<void*>(address), nullptr);
    at->second = errno == 0 && (text & 0xffff) == 0x050f;
  }
  return at->second;
}

void Tracee::set_breakpoint(uintptr_t address) {
  void* at = reinterpret_cast<void*>(address);
  long text = ptrace(PTRACE_PEEKTEXT, pid_, at, nullptr);
  breakpoints_.push_back({address, text});
  ptrace(PTRACE_POKETEXT, pid_, at, (text & ~0xffL) | 0xcc);
}

void Tracee::clear_breakpoints() {
  // Last first: two of them may share a word.
  for (; !breakpoints_.empty(); breakpoints_.pop_back()) {
    ptrace(PTRACE_POKETEXT, pid_, reinterpret_cast<void*>(breakpoints_.back().address),
           breakpoints_.back().text);
  }
}

}  // namespace mp::testing
