#include "mp/internal/os/stopped.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mp/internal/os/pidfd.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp::internal {
namespace {

using std::chrono_literals::operator""s;
using testing::process_state;

bool always() { return true; }
bool never() { return false; }

// A child that has `file` in its memory, or has not, and does `then` before it waits for its end.
class Child {
 public:
  template <class Then>
  Child(int file, Then then) : pid_(fork()) {
    if (pid_ == 0) {
      setpgid(0, 0);  // in a group without a parent SIGTSTP does nothing
      if (file >= 0) {
        mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
      }
      then();
      for (;;) {
        pause();
      }
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  void await(char state) const {
    while (process_state(pid_) != state) {
      sched_yield();
    }
  }

 private:
  pid_t pid_;
};

class StoppedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_GE(file_.get(), 0);
    ASSERT_EQ(ftruncate(file_.get(), 4096), 0);
  }
  testing::Watchdog dog_{60s};
  UniqueFd file_{memfd_create("stopped_test", MFD_CLOEXEC)};
};

TEST_F(StoppedTest, OneThatStoodStillGoesOn) {
  for (int signal : {SIGSTOP, SIGTSTP}) {
    Child child(file_.get(), [&] { raise(signal); });
    child.await('T');
    UniqueFd process = continue_stopped(child.pid(), file_.get(), always);
    ASSERT_TRUE(process.valid());
    child.await('S');
    EXPECT_EQ(signal_pidfd(process.get(), SIGSTOP), 0);
    child.await('T');
  }
}

TEST_F(StoppedTest, OthersAreLeftAlone) {
  Child awake(file_.get(), [] {});
  awake.await('S');
  EXPECT_FALSE(continue_stopped(awake.pid(), file_.get(), always).valid());

  // As by a number that means somebody else here.
  Child stranger(-1, [] { raise(SIGSTOP); });
  stranger.await('T');
  EXPECT_FALSE(continue_stopped(stranger.pid(), file_.get(), always).valid());
  EXPECT_EQ(process_state(stranger.pid()), 'T');

  Child unwanted(file_.get(), [] { raise(SIGSTOP); });
  unwanted.await('T');
  EXPECT_FALSE(continue_stopped(unwanted.pid(), file_.get(), never).valid());
  EXPECT_EQ(process_state(unwanted.pid()), 'T');

  Child traced(file_.get(), [] {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
  });
  traced.await('t');
  EXPECT_FALSE(continue_stopped(traced.pid(), file_.get(), always).valid());
  EXPECT_EQ(process_state(traced.pid()), 't');

  pid_t gone = fork();
  if (gone == 0) {
    _exit(0);
  }
  waitpid(gone, nullptr, 0);
  EXPECT_FALSE(continue_stopped(gone, file_.get(), always).valid());
}

TEST_F(StoppedTest, TheFileIsFoundAmongMany) {
  // Each a line of /proc/PID/maps, which is longer than what is read of it at a time.
  Child child(file_.get(), [&] {
    for (int i = 0; i < 500; ++i) {
      UniqueFd other(memfd_create("another_file_with_a_rather_long_name", 0));
      ftruncate(other.get(), 4096);
      mmap(nullptr, 4096, PROT_READ, MAP_SHARED, other.get(), 0);
    }
    raise(SIGSTOP);
  });
  child.await('T');
  EXPECT_TRUE(continue_stopped(child.pid(), file_.get(), always).valid());
  child.await('S');
}

}  // namespace
}  // namespace mp::internal
