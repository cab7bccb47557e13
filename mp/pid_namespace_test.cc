// The first process of a family is the first of a pid namespace too, as in a container: its children have parent 1 while it
// lives, and that must not pass for its death.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;

void tell_parent(Queue<int> q, int levels) {
  q.put(parent_process()->pid());
  if (levels > 1) {
    Process p(tell_parent, q, levels - 1);
    p.start();
    p.join();
    mp::exit(*p.exitcode());
  }
}

int be_the_first() {
  if (getpid() != 1) {
    return 10;
  }
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    Queue<int> q;
    Process p({.context = get_context(method)}, tell_parent, q, 2);
    p.start();
    p.join();
    if (p.exitcode() != 0) {
      std::fprintf(stderr, "%s: exit code %d\n", method, *p.exitcode());
      return 11;
    }
    if (q.get(0) != 1 || q.get(0) != p.pid()) {
      return 12;
    }
  }
  return 0;
}

TEST(PidNamespace, ItsFirstProcessHasChildren) {
  testing::Watchdog dog(120s);
  pid_t starter = fork();
  if (starter == 0) {
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
      std::fprintf(stderr, "unshare: %s\n", std::strerror(errno));
      _exit(99);
    }
    pid_t first = fork();
    if (first == 0) {
      // Of std::exit, so that what the library does at an end is done here too.
      std::exit(be_the_first());
    }
    int status = 0;
    waitpid(first, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
  }
  int status;
  ASSERT_EQ(waitpid(starter, &status, 0), starter);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 99) {
    GTEST_SKIP() << "this user may make no pid namespace";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace mp
