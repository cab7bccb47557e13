// A process is killed at every system call of Process::start(), and of a kill() of a whole tree right
// after it: its children go with it, and the family finds nothing of theirs.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>

#include "mp/internal/proc/fork_server.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/live_blocks.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Tracee;
using testing::Watchdog;

void sleep_for_ever(Queue<int>) {
  for (;;) {
    pause();
  }
}

class Start final : public testing::Traced {
 public:
  Start(const char* method, bool warm, bool kill)
      : context_(get_context(method)), warm_(warm), kill_(kill) {}

  void prepare() override {
    // A signal would be a stop of its own.
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child, nullptr);
    if (warm_) {
      // The fork server runs, the pipes are there.
      Process p({.context = context_}, [] {});
      p.start();
      p.join();
    }
  }
  void operate() override {
    Process p({.context = context_, .kill_tree = kill_}, sleep_for_ever, Queue<int>());
    p.start();
    if (kill_) {
      p.kill();
    }
  }

 private:
  Context context_;
  bool warm_;
  bool kill_;
};

// Waits until no descendant is left.
void reap_all() {
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  EXPECT_EQ(errno, ECHILD);
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

class ProcessCrash : public ::testing::TestWithParam<std::tuple<const char*, bool>> {};

void kill_at_each_call(Start start) {
  // Orphans become ours, so that we see the last of them go.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  internal::Family::get();
  int slots = slots_in_use();
  int64_t blocks = testing::live_blocks();
  int calls = 0;
  int kills = 0;
  for (bool killed = true; killed; ++kills) {
    ++calls;
    {
      Tracee tracee(start);
      Tracee::At at = tracee.at();
      for (int i = 0; i < calls && at != Tracee::At::kEnd; ++i) {
        at = tracee.run();
        while ((at == Tracee::At::kEntry || at == Tracee::At::kAsleep) && i + 1 < calls) {
          at = tracee.step();
        }
        ASSERT_NE(at, Tracee::At::kGone) << tracee.gone_text();
      }
      killed = at != Tracee::At::kEnd;
      tracee.kill();
    }
    reap_all();
    ASSERT_EQ(slots_in_use(), slots) << "killed at system call " << calls;
    ASSERT_EQ(testing::live_blocks(), blocks) << "killed at system call " << calls;
    ASSERT_LT(calls, 1'000);
  }
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  EXPECT_GT(kills, 5);
  std::printf("killed at %d system calls\n", kills - 1);
  std::fflush(stdout);
}

TEST_P(ProcessCrash, AStarterKilledAtAnySystemCallLeavesNothing) {
  Watchdog dog(300s);
  auto [method, warm] = GetParam();
  kill_at_each_call(Start(method, warm, false));
}

// A child that is stopped before it watches its parent would be left.
TEST_P(ProcessCrash, AKillerOfATreeKilledAtAnySystemCallLeavesNothing) {
  Watchdog dog(300s);
  auto [method, warm] = GetParam();
  kill_at_each_call(Start(method, warm, true));
}

INSTANTIATE_TEST_SUITE_P(Process, ProcessCrash,
                         ::testing::Combine(::testing::Values("fork", "spawn", "forkserver"),
                                            ::testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "_again" : "_first");
                         });

}  // namespace
}  // namespace mp
