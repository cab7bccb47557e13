// Whatever a start makes (the child, the fork server, the children it keeps ready) is killed before and behind every
// system call of its beginning: the starter gets an error or the child's end, never waits for ever, and its next start
// works. (Planted: a client that does not ask whether the server of its child is dead waits for ever.)

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/live_blocks.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

void answer(Queue<int> q) { q.put(1); }

// The starter: starts under fire, and one in peace. Its exit code says what went wrong.
enum Starter { kFine = 0, kWrongEnd = 10, kAnotherError, kSecondFailed, kChildLeft };

// By which a starter tells its tracer that the fire is over.
constexpr int kPeace = SIGUSR1;

int start_some(const std::string& method) {
  Context context = get_context(method);
  Queue<int> q;
  // A fork server keeps two children ready: the third start uses the last of those that it made for the first.
  for (int i = 0; i < 3; ++i) {
    try {
      Process p({.context = context}, answer, q);
      p.start();
      p.join();
      int code = *p.exitcode();
      if (code != 0 && code != -SIGKILL && code != 255) {
        std::fprintf(stderr, "exit code %d\n", code);
        return kWrongEnd;
      }
      if (code == 0 && q.get(0) != 1) {
        return kWrongEnd;
      }
      while (q.try_get().ok()) {
      }
    } catch (const OSError&) {
      // The child was dead before anybody could say who it is.
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      return kAnotherError;
    }
  }
  ::raise(kPeace);
  try {
    Process p({.context = context}, answer, q);
    p.start();
    p.join();
    if (p.exitcode() != 0) {
      std::fprintf(stderr, "the next start: exit code %d\n", *p.exitcode());
      return kSecondFailed;
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "the next start: %s\n", e.what());
    return kSecondFailed;
  }
  internal::stop_fork_server();
  return waitpid(-1, nullptr, 0) == -1 && errno == ECHILD ? kFine : kChildLeft;
}

struct Target {
  int process;             // the how many-th that begins, from 1
  int stop;                // at its how many-th stop: each system call is two
  bool first_too = false;  // and the first that began, the fork server, with it
};

struct Ending {
  int starter = -1;     // its exit code, -1: killed
  bool began = false;   // the target did
  bool killed = false;  // it lived until its stop
};

Ending run(const std::string& method, Target target) {
  pid_t starter = fork();
  if (starter == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    _exit(start_some(method));
  }
  Ending result;
  int status;
  EXPECT_EQ(waitpid(starter, &status, 0), starter);
  ptrace(PTRACE_SETOPTIONS, starter, nullptr,
         PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
             PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  ptrace(PTRACE_CONT, starter, nullptr, nullptr);
  pid_t first = 0;
  pid_t chosen = 0;
  int begun = 0;
  int stops = 0;
  bool peace = false;
  std::set<pid_t> ended;
  std::set<pid_t> dying;
  auto shoot = [&](pid_t pid) {
    kill(pid, SIGKILL);
    if (ended.count(pid) == 0) {
      dying.insert(pid);
    }
  };
  std::map<pid_t, bool> known = {{starter, true}};
  for (;;) {
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) {
      break;  // all have ended
    }
    if (!WIFSTOPPED(status)) {
      if (pid == starter) {
        result.starter = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      }
      ended.insert(pid);
      if (dying.erase(pid) != 0 && dying.empty() && peace) {
        ptrace(PTRACE_CONT, starter, nullptr, 0);
      }
      continue;
    }
    int signal = WSTOPSIG(status);
    if (pid == starter && signal == kPeace) {
      peace = true;
      // Who is killed dies in the fire, not in peace.
      if (!dying.empty()) {
        continue;
      }
      signal = 0;
    }
    if (!known[pid]) {
      known[pid] = true;
      signal = 0;  // the stop of its beginning
      if (begun == 0) {
        first = pid;
      }
      if (!peace && ++begun == target.process) {
        chosen = pid;
        result.began = true;
      }
    }
    if (signal == (SIGTRAP | 0x80)) {
      signal = 0;
      if (pid == chosen && !peace && ++stops == target.stop) {
        result.killed = true;
        if (target.first_too) {
          shoot(first);
        }
        shoot(pid);
        continue;
      }
    } else if (signal == SIGTRAP) {
      signal = 0;  // a fork, an exec
    }
    ptrace(pid == chosen ? PTRACE_SYSCALL : PTRACE_CONT, pid, nullptr, signal);
  }
  return result;
}

int slots_in_use() {
  internal::Family& family = internal::Family::get();
  family.sweep_all();
  int used = 0;
  for (uint32_t i = 1; i <= family.header().slots_used; ++i) {
    used += (family.arena().slot(i).state.load() & 0xffffffff) != 0;
  }
  return used;
}

class StartCrash : public ::testing::TestWithParam<const char*> {};

TEST_P(StartCrash, WhatAStartMakesIsKilledAtAnySystemCall) {
  Watchdog dog(300s);
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  internal::Family::get();
  int slots = slots_in_use();
  int64_t blocks = testing::live_blocks();
  int kills = 0;
  int processes = 0;
  for (bool began = true; began; ++processes) {
    for (Target target{processes + 1, 1}; began; ++target.stop) {
      Ending ending;
      for (bool first_too : {false, true}) {
        // Fork and spawn have no server.
        if (first_too && (processes == 0 || GetParam() != std::string("forkserver"))) {
          continue;
        }
        target.first_too = first_too;
        ending = run(GetParam(), target);
        std::string where = absl::StrCat("process ", target.process, " killed at stop ",
                                         target.stop, first_too ? ", the server too" : "");
        ASSERT_EQ(ending.starter, kFine) << where;
        ASSERT_EQ(slots_in_use(), slots) << where;
        ASSERT_EQ(testing::live_blocks(), blocks) << where;
        kills += ending.killed;
      }
      began = ending.began;
      if (!ending.killed) {
        break;
      }
    }
  }
  --processes;
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  EXPECT_GE(processes, std::string(GetParam()) == "forkserver" ? 2 : 1);
  EXPECT_GT(kills, 10 * processes);
  std::printf("%d kills of %d processes\n", kills, processes);
  std::fflush(stdout);
}

INSTANTIATE_TEST_SUITE_P(Process, StartCrash, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace mp
