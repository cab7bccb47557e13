#include "mp/internal/os/life_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mp/testing/watchdog.h"

namespace mp::internal {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

int status_of(pid_t pid) {
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

// A child that watches, and says so through `ready`.
template <class Then>
pid_t watcher(LifePipe& pipe, int ready, const Then& then) {
  pid_t pid = fork();
  if (pid == 0) {
    pipe.write.reset();
    UniqueFd watch = open_watch(pipe.read.get());
    if (!watch.valid() || !arm_watch(watch.get()) || write(ready, "x", 1) != 1) {
      _exit(9);
    }
    then();
    _exit(0);
  }
  return pid;
}

class LifePipeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(make_life_pipe(&pipe_), 0);
    ASSERT_EQ(pipe2(ready_, O_CLOEXEC), 0);
  }
  void TearDown() override {
    close(ready_[0]);
    close(ready_[1]);
  }
  void await_ready() {
    char c;
    ASSERT_EQ(read(ready_[0], &c, 1), 1);
  }

  Watchdog dog_{60s};
  LifePipe pipe_;
  int ready_[2];
};

TEST_F(LifePipeTest, TheEndOfTheWriterKillsWhoWatches) {
  pid_t idle = watcher(pipe_, ready_[1], [] {
    for (;;) {
      pause();
    }
  });
  pid_t busy = watcher(pipe_, ready_[1], [] {
    for (volatile int i = 0;;) {
      static_cast<void>(i);
    }
  });
  await_ready();
  await_ready();
  EXPECT_EQ(waitpid(idle, nullptr, WNOHANG), 0);
  EXPECT_EQ(waitpid(busy, nullptr, WNOHANG), 0);
  pipe_.write.reset();
  EXPECT_EQ(status_of(idle), SIGKILL);
  EXPECT_EQ(status_of(busy), SIGKILL);
}

TEST_F(LifePipeTest, AWriterThatEndedBeforeTheWatchIsNoticed) {
  UniqueFd copy(fcntl(pipe_.read.get(), F_DUPFD_CLOEXEC, 3));
  pipe_.write.reset();
  pid_t pid = watcher(pipe_, ready_[1], [] { _exit(7); });
  EXPECT_EQ(status_of(pid), SIGKILL);
}

TEST_F(LifePipeTest, AWatchOpenedBeforeTheForkIsTheChildsOwn) {
  UniqueFd watch = open_watch(pipe_.read.get());
  pid_t pid = fork();
  if (pid == 0) {
    pipe_.write.reset();
    if (!arm_watch(watch.get()) || write(ready_[1], "x", 1) != 1) {
      _exit(9);
    }
    for (;;) {
      pause();
    }
  }
  watch.reset();
  await_ready();
  pipe_.write.reset();
  EXPECT_EQ(status_of(pid), SIGKILL);
}

TEST_F(LifePipeTest, ClosingTheWatchEndsIt) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  pid_t pid = fork();
  if (pid == 0) {
    pipe_.write.reset();
    close(ends[1]);
    {
      UniqueFd watch = open_watch(pipe_.read.get());
      arm_watch(watch.get());
    }
    char c;
    bool ready = write(ready_[1], "x", 1) == 1;
    // Ends with the parent's copy: later than the life pipe.
    _exit(ready && read(ends[0], &c, 1) == 0 ? 5 : 6);
  }
  await_ready();
  pipe_.write.reset();
  close(ends[1]);
  EXPECT_EQ(status_of(pid), 5 << 8);
  close(ends[0]);
}

}  // namespace
}  // namespace mp::internal
