// Ctrl-C: SIGINT for a whole process group, a pool's owner, its workers and the fork server.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "mp/internal/base/unique_fd.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using internal::UniqueFd;

// pool_interrupt_program, as a shell's foreground job.
class Program {
 public:
  explicit Program(const char* mode) {
    auto [in, to] = make_pipe();
    auto [from, out] = make_pipe();
    auto [errors, err] = make_pipe();
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in.get(), 0);
    posix_spawn_file_actions_adddup2(&files, out.get(), 1);
    posix_spawn_file_actions_adddup2(&files, err.get(), 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    posix_spawnattr_setsigdefault(&attributes, &interrupt);
    std::string path = "mp/pool_interrupt_program";
    std::string mode_text = mode;
    char* arguments[] = {path.data(), mode_text.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, path.c_str(), &files, &attributes, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    in_ = std::move(to);
    out_ = std::move(from);
    err_ = std::move(errors);
  }

  void press_ctrl_c() { EXPECT_EQ(kill(-pid_, SIGINT), 0); }
  void type(char c) { EXPECT_EQ(write(in_.get(), &c, 1), 1); }
  std::string line() {
    std::string text;
    char c;
    while (read(out_.get(), &c, 1) == 1 && c != '\n') {
      text += c;
    }
    return text;
  }
  // How it ended, once nobody of its group is left.
  int end() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    while (kill(-pid_, 0) == 0 || errno != ESRCH) {
      std::this_thread::yield();
    }
    return status;
  }
  std::string errors() {
    std::string text;
    char buffer[256];
    for (ssize_t n; (n = read(err_.get(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

 private:
  static std::pair<UniqueFd, UniqueFd> make_pipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
  }

  pid_t pid_ = -1;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
};

class PoolInterrupt : public ::testing::Test {
 private:
  Watchdog dog_{std::chrono::minutes(1)};
};

TEST_F(PoolInterrupt, TheFirstDrains) {
  Program program("drain");
  ASSERT_EQ(program.line(), "ready");
  program.press_ctrl_c();
  EXPECT_EQ(program.line(), "draining");
  program.type('g');
  EXPECT_EQ(program.line(), "4 9");
  int status = program.end();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3) << status;
  EXPECT_EQ(program.errors(), "");
}

TEST_F(PoolInterrupt, TheSecondKills) {
  Program program("drain");
  ASSERT_EQ(program.line(), "ready");
  program.press_ctrl_c();
  EXPECT_EQ(program.line(), "draining");
  program.press_ctrl_c();
  program.type('w');
  EXPECT_EQ(program.line(), "KeyboardInterrupt KeyboardInterrupt");
  int status = program.end();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3) << status;
  EXPECT_EQ(program.errors(), "");
}

TEST_F(PoolInterrupt, WithoutTheWishTheProgramEndsAtOnceAndSaysNothing) {
  Program program("plain");
  ASSERT_EQ(program.line(), "ready");
  program.press_ctrl_c();
  int status = program.end();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
  EXPECT_EQ(program.errors(), "");
}

}  // namespace
}  // namespace mp::testing
