#include "bench/cpu.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace bench {
namespace {

constexpr double kWork = 0.1;

// Uses kWork seconds of CPU time.
void work() {
  timespec now;
  do {
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) < kWork);
}

TEST(TreeCpuSeconds, CountsAChildThatWasWaitedFor) {
  const double before = tree_cpu_seconds();
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_GE(tree_cpu_seconds() - before, 0.9 * kWork);
}

TEST(TreeCpuSeconds, CountsTheChildOfALivingChild) {
  const double before = tree_cpu_seconds();
  int done[2];
  ASSERT_EQ(pipe(done), 0);
  const pid_t server = fork();
  if (server == 0) {
    const pid_t child = fork();
    if (child == 0) {
      work();
      _exit(0);
    }
    waitpid(child, nullptr, 0);
    if (write(done[1], "d", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char word;
  ASSERT_EQ(read(done[0], &word, 1), 1);
  // One tick of the kernel's clock less at most, for each of the two times that were rounded.
  EXPECT_GE(tree_cpu_seconds() - before, kWork - 0.03);
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  close(done[0]);
  close(done[1]);
}

}  // namespace
}  // namespace bench
