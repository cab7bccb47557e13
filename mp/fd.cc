#include "mp/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "mp/errors.h"

namespace mp {

Fd Fd::duplicate(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    raise(internal::os_error(errno, "mp::Fd: duplicating file descriptor " + std::to_string(fd)));
  }
  return Fd(copy);
}

void Fd::reset(int fd) noexcept {
  // close() is not retried on EINTR: Linux has freed the number by then.
  if (fd_ >= 0) {
    close(fd_);
  }
  fd_ = fd;
}

}  // namespace mp
