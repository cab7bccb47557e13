// Descriptors go through a queue of a program that links no more than mp:fd and mp:queue.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "mp/fd.h"
#include "mp/queue.h"

namespace mp {
namespace {

TEST(FdLink, AQueueNeedsNothingElse) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  Queue<Fd> queue;
  pid_t pid = fork();
  if (pid == 0) {
    queue.put(write_end);
    _exit(0);
  }
  write_end.reset();
  int status;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_EQ(status, 0);
  Fd got = queue.get(0);
  ASSERT_EQ(write(got.get(), "x", 1), 1);
  char c = 0;
  ASSERT_EQ(read(read_end.get(), &c, 1), 1);
  EXPECT_EQ(c, 'x');
}

}  // namespace
}  // namespace mp
