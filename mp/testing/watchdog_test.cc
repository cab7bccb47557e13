#include "mp/testing/watchdog.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "mp/testing/proc.h"
#include "mp/testing/seed.h"

namespace mp::testing {
namespace {

using namespace std::chrono_literals;

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

// What the body writes to stderr, and how its process ended.
template <class Body>
std::string stderr_of(Body body, int* status) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string text = read_all(ends[0]);
  close(ends[0]);
  EXPECT_EQ(waitpid(pid, status, 0), pid);
  return text;
}

TEST(Watchdog, KillsAProcessThatHangsAndItsDescendants) {
  int alive[2];
  ASSERT_EQ(pipe2(alive, O_CLOEXEC), 0);
  int status = 0;
  std::string text = stderr_of(
      [] {
        Watchdog dog(50ms);
        if (fork() == 0) {
          fork();
        }
        for (;;) {
          pause();
        }
      },
      &status);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_NE(text.find("did not get there in"), std::string::npos) << text;
  // Both copies of the write end went with the descendants.
  close(alive[1]);
  EXPECT_EQ(read_all(alive[0]), "");
  close(alive[0]);
}

TEST(Watchdog, SaysWhatEveryProcessWaitsFor) {
  int status = 0;
  std::string text = stderr_of(
      [] {
        pid_t child = fork();
        if (child == 0) {
          for (;;) {
            pause();
          }
        }
        Watchdog dog(1ms);
        waitpid(child, nullptr, 0);
        pause();
      },
      &status);
  size_t first = text.find("== process");
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_NE(text.find("== process", first + 1), std::string::npos) << text;
  EXPECT_NE(text.find("state S"), std::string::npos) << text;
}

TEST(Watchdog, RepeatsTheSeed) {
  int status = 0;
  std::string text = stderr_of(
      [] {
        setenv("MP_TEST_SEED", "7654321", 1);
        seed();
        Watchdog dog(1ms);
        for (;;) {
          pause();
        }
      },
      &status);
  size_t first = text.find("MP_TEST_SEED=7654321");
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_NE(text.find("MP_TEST_SEED=7654321", first + 1), std::string::npos) << text;
}

TEST(Watchdog, LetsAProcessGoThatEndsInTime) {
  int status = 0;
  std::string text = stderr_of([] { Watchdog dog(100s); }, &status);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(text, "");
}

TEST(Watchdog, IsNobodysChildAndLeavesNoFile) {
  auto lowest_free = [] {
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
  };
  int before = lowest_free();
  {
    Watchdog dog(100s);
    EXPECT_TRUE(children_of(getpid()).empty());
  }
  EXPECT_EQ(lowest_free(), before);
}

TEST(Watchdog, HoldsNoneOfTheProcesssFiles) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Watchdog dog(100s);
  close(ends[1]);
  EXPECT_EQ(read_all(ends[0]), "");  // end of file: nobody else has the write end
  close(ends[0]);
}

int g_forks = 0;

TEST(Watchdog, RunsNoForkHandlers) {
  pthread_atfork([] { ++g_forks; }, nullptr, nullptr);
  Watchdog dog(100s);
  EXPECT_EQ(g_forks, 0);
}

TEST(Watchdog, IsNotEndedByACopyInAChild) {
  int status = 0;
  std::string text = stderr_of(
      [] {
        Watchdog dog(50ms);
        pid_t child = fork();
        if (child == 0) {
          dog.~Watchdog();
          _exit(0);
        }
        waitpid(child, nullptr, 0);
        for (;;) {
          pause();
        }
      },
      &status);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_NE(text.find("did not get there in"), std::string::npos) << text;
}

}  // namespace
}  // namespace mp::testing
