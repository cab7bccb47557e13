#include "mp/internal/os/life_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "mp/internal/os/reopen.h"

namespace mp::internal {

int make_life_pipe(LifePipe* out) noexcept {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return errno;
  }
  out->read.reset(above_stdio(ends[0]));
  out->write.reset(above_stdio(ends[1]));
  return out->read.valid() && out->write.valid() ? 0 : errno;
}

UniqueFd open_watch(int read_end) noexcept {
  return UniqueFd(reopen(read_end, O_RDONLY | O_NONBLOCK));
}

bool arm_watch(int watch) noexcept {
  if (fcntl(watch, F_SETOWN, getpid()) != 0 || fcntl(watch, F_SETSIG, SIGKILL) != 0 ||
      fcntl(watch, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
    return false;
  }
  // The end may have come before the watch.
  pollfd look{watch, POLLIN, 0};
  if (poll(&look, 1, 0) > 0 && (look.revents & POLLHUP) != 0) {
    kill(getpid(), SIGKILL);
  }
  return true;
}

void disarm_watch(int watch) noexcept { fcntl(watch, F_SETFL, O_NONBLOCK); }

}  // namespace mp::internal
