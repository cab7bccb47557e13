// Who signals a tree, or his helper, is killed at system call after system call: everybody gets the signal or nobody, and
// nobody stays stopped. The planted bugs are caught.

#include "mp/internal/os/process_tree.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "mp/internal/os/process_bug.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp::internal {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

// What the members of a tree do with the signal that they get.
enum class Kind { kKilled, kTerminated, kGoOn };
enum class Victim { kCaller, kHelper };

constexpr int kMembers = 5;
struct World {
  std::atomic<int> pids[kMembers];
  std::atomic<int> heard[kMembers];  // how often the signal
};
World* g_world;
int g_member;

int signal_of(Kind kind) { return kind == Kind::kKilled ? SIGKILL : SIGTERM; }

// Its `n`th member, until it is killed.
[[noreturn]] void be_member(int n, Kind kind) {
  g_member = n;
  if (kind == Kind::kGoOn) {
    signal(SIGTERM, [](int) { ++g_world->heard[g_member]; });
  }
  g_world->pids[n] = getpid();
  if (n == kMembers - 1 && kind != Kind::kGoOn) {
    execl("/bin/sleep", "sleep", "600", nullptr);
  }
  for (;;) {
    pause();
  }
}
void fork_member(int n, Kind kind) {
  if (fork() == 0) {
    be_member(n, kind);
  }
}
// 0 has the children 1 and 2, and 1 has 3, 2 has 4.
int make_tree(Kind kind) {
  int root = fork();
  if (root == 0) {
    for (int n : {1, 2}) {
      if (fork() == 0) {
        fork_member(n + 2, kind);
        be_member(n, kind);
      }
    }
    be_member(0, kind);
  }
  for (const auto& pid : g_world->pids) {
    while (pid == 0) {
      sched_yield();
    }
  }
  return root;
}

int open_pidfd(int pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }
bool has_ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return poll(&p, 1, 0) > 0;
}
void await_end(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  while (poll(&p, 1, -1) <= 0) {
  }
}

// Most of all calls only look, and a death at one is as good as at the next.
bool only_looks(long call) {
  return call == SYS_openat || call == SYS_read || call == SYS_close || call == SYS_getdents64 ||
         call == SYS_ppoll || call == SYS_lseek || call == SYS_sched_yield;
}
constexpr int kLooksPerKill = 11;

struct Ending {
  bool reached = false;  // the run had that many stops
  bool killed = false;   // the victim was there then
  bool helped = false;   // there was a helper
  int result = -1;       // of the caller's signal_tree(); -1: it was killed
  std::string violation;
};

// One run, in which the victim is killed at the `nth` stop of the two. A call has two: before and behind it.
Ending run(Kind kind, Victim victim, int nth) {
  new (g_world) World{};
  const int caller = fork();
  if (caller == 0) {
    const int root = make_tree(kind);
    const int pidfd = open_pidfd(root);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    syscall(SYS_kill, getpid(), SIGSTOP);
    _exit(signal_tree(root, pidfd, signal_of(kind)));
  }
  int status;
  EXPECT_EQ(waitpid(caller, &status, 0), caller);
  int members[kMembers];
  for (int n = 0; n < kMembers; ++n) {
    members[n] = open_pidfd(g_world->pids[n]);
    EXPECT_GE(members[n], 0);
  }
  ptrace(PTRACE_SETOPTIONS, caller, nullptr,
         PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  ptrace(PTRACE_SYSCALL, caller, nullptr, nullptr);

  Ending ending;
  std::set<int> traced = {caller};
  std::set<int> begun = {caller};
  int helper = 0;
  int stops = 0;
  int looks = 0;
  auto note_end = [&](int pid, int status) {
    traced.erase(pid);
    if (pid == caller && WIFEXITED(status)) {
      ending.result = WEXITSTATUS(status);
    }
  };
  while (!traced.empty()) {
    const int pid = waitpid(-1, &status, __WALL);
    if (!WIFSTOPPED(status)) {
      note_end(pid, status);
      continue;
    }
    int signal = WSTOPSIG(status);
    if (signal == SIGTRAP && status >> 16 == PTRACE_EVENT_CLONE) {
      unsigned long made;
      ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &made);
      helper = static_cast<int>(made);
      traced.insert(helper);
      ending.helped = true;
    }
    if (begun.insert(pid).second || signal == SIGTRAP) {
      signal = 0;
    }
    if (signal == (SIGTRAP | 0x80)) {
      signal = 0;
      const long call = ptrace(PTRACE_PEEKUSER, pid, offsetof(user, regs.orig_rax), nullptr);
      if (!only_looks(call) || ++looks % kLooksPerKill == 0) {
        ++stops;
      }
      const int dies = victim == Victim::kCaller ? caller : helper;
      if (stops == nth && !ending.reached) {
        ending.reached = true;
        if (traced.count(dies) != 0) {
          ending.killed = true;
          kill(dies, SIGKILL);
          do {
            EXPECT_EQ(waitpid(dies, &status, __WALL), dies);
          } while (WIFSTOPPED(status));
          note_end(dies, status);
          if (dies == pid) {
            continue;
          }
        }
      }
    }
    ptrace(PTRACE_SYSCALL, pid, nullptr, signal);
  }
  // All signals are on their way.
  const bool told = ending.helped || ending.result >= 0;
  for (int n = 0; n < kMembers && ending.violation.empty(); ++n) {
    if (testing::process_state(g_world->pids[n]) == 'T') {
      ending.violation = absl::StrCat("member ", n, " stays stopped");
    } else if (told && kind != Kind::kGoOn) {
      await_end(members[n]);
    } else if (has_ended(members[n])) {
      ending.violation = absl::StrCat("member ", n, " has ended");
    } else {
      while (told && g_world->heard[n] == 0) {
        sched_yield();
      }
    }
  }
  if (ending.result > 0) {
    ending.violation = absl::StrCat("signal_tree() returned ", ending.result);
  }
  for (int n = 0; n < kMembers; ++n) {
    kill(g_world->pids[n], SIGKILL);
    await_end(members[n]);
    close(members[n]);
  }
  while (waitpid(-1, nullptr, __WALL) > 0) {
  }
  return ending;
}

class ProcessTree : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    g_world = static_cast<World*>(
        mmap(nullptr, sizeof(World), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(g_world, MAP_FAILED);
  }
  void TearDown() override {
    g_process_bug = ProcessBug::kNone;
    munmap(g_world, sizeof(World));
    prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  // Kills at each stop until one does harm, and says what. "": none does.
  std::string first_violation(Kind kind, Victim victim) {
    int kills = 0;
    for (int nth = 1;; ++nth) {
      Ending ending = run(kind, victim, nth);
      kills += ending.killed ? 1 : 0;
      if (!ending.violation.empty()) {
        return absl::StrCat("killed at stop ", nth, ": ", ending.violation);
      }
      if (!ending.reached) {
        EXPECT_EQ(ending.result, 0);
        EXPECT_GT(kills, 20);
        std::printf("%d kills at %d stops\n", kills, nth - 1);
        std::fflush(stdout);
        return "";
      }
    }
  }

 private:
  Watchdog dog_{300s};
};

void expect_stopped(const std::string& violation) {
  EXPECT_NE(violation.find("stays stopped"), violation.npos) << violation;
}

class ProcessTreeCrash : public ProcessTree,
                         public ::testing::WithParamInterface<std::tuple<Kind, Victim>> {};

TEST_P(ProcessTreeCrash, WhoIsKilledLeavesNobodyStopped) {
  EXPECT_EQ(first_violation(std::get<0>(GetParam()), std::get<1>(GetParam())), "");
}
INSTANTIATE_TEST_SUITE_P(
    Of, ProcessTreeCrash,
    ::testing::Combine(::testing::Values(Kind::kKilled, Kind::kTerminated, Kind::kGoOn),
                       ::testing::Values(Victim::kCaller, Victim::kHelper)),
    [](const auto& info) {
      return std::string(std::get<1>(info.param) == Victim::kCaller ? "caller" : "helper") +
             "_of_" +
             (std::get<0>(info.param) == Kind::kKilled       ? "kill"
              : std::get<0>(info.param) == Kind::kTerminated ? "terminate"
                                                             : "a_signal_that_is_handled");
    });

TEST_F(ProcessTree, ThatOneStopsATreeHimselfIsCaught) {
  g_process_bug = ProcessBug::kNoHelper;
  for (Kind kind : {Kind::kKilled, Kind::kTerminated, Kind::kGoOn}) {
    expect_stopped(first_violation(kind, Victim::kCaller));
  }
}
TEST_F(ProcessTree, ThatParentsGetTheSignalFirstIsCaught) {
  g_process_bug = ProcessBug::kParentsFirst;
  expect_stopped(first_violation(Kind::kKilled, Victim::kHelper));
}

}  // namespace
}  // namespace mp::internal
