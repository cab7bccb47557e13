#include "mp/internal/os/reopen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <iterator>

namespace mp::internal {

int reopen(int fd, int flags) noexcept {
  // Every start comes here, between two forks: snprintf() would touch pages that this does not.
  constexpr char kDirectory[] = "/proc/self/fd/";
  char path[sizeof kDirectory + 16] = "/proc/self/fd/";
  *std::to_chars(path + sizeof kDirectory - 1, std::end(path) - 1, fd).ptr = '\0';
  return above_stdio(open(path, flags | O_CLOEXEC));
}

int above_stdio(int fd) noexcept {
  if (fd < 0 || fd > STDERR_FILENO) {
    return fd;
  }
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  int err = errno;
  close(fd);
  errno = err;
  return copy;
}

}  // namespace mp::internal
