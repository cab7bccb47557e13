#include "mp/internal/proc/life.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/os/life_pipe.h"
#include "mp/internal/proc/fork_guard.h"

namespace mp::internal {
namespace {

// Plain numbers: the end of the process closes them, and nothing before it may.
MP_FORK_STATE constinit int g_read = -1;  // of the pipe that the children of this process watch
MP_FORK_STATE constinit int g_write = -1;
MP_FORK_STATE constinit int g_watch = -1;  // on the parent

void shut(int& fd) {
  if (fd >= 0) {
    close(std::exchange(fd, -1));
  }
}

void nothing() {}

void forget_in_child() {
  // The watch is the parent's own; the pipe says whether the parent lives, so a child must not hold
  // its write end.
  shut(g_watch);
  shut(g_write);
  shut(g_read);
}

[[maybe_unused]] const bool g_hooked = (add_fork_hooks({nothing, nothing, forget_in_child}), true);

}  // namespace

absl::StatusOr<int> life_read_end() {
  if (g_read < 0) {
    LifePipe pipe;
    if (int err = make_life_pipe(&pipe); err != 0) {
      return os_error(err, "mp: the pipe that ends children with their parent");
    }
    g_read = pipe.read.release();
    g_write = pipe.write.release();
  }
  return g_read;
}

absl::StatusOr<UniqueFd> watch_for_child() {
  auto read_end = life_read_end();
  if (!read_end.ok()) {
    return read_end.status();
  }
  UniqueFd watch = open_watch(*read_end);
  if (!watch.valid()) {
    return os_error(errno, "mp: the watch that ends a child with its parent");
  }
  return watch;
}

void live_with_parent(UniqueFd watch) noexcept {
  if (!arm_watch(watch.get())) {
    std::string text = absl::StrCat("mp: process ", getpid(),
                                    " cannot watch its parent and ends: ", strerror(errno), "\n");
    if (write(STDERR_FILENO, text.data(), text.size()) < 0) {
      // Nothing is left to tell it to.
    }
    _exit(255);
  }
  g_watch = watch.release();
}

void outlive_parent() noexcept {
  // Who made this process may not have closed its copy yet.
  disarm_watch(g_watch);
  shut(g_watch);
}

}  // namespace mp::internal
