#include "mp/internal/proc/life.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/os/life_pipe.h"
#include "mp/internal/os/process_bug.h"
#include "mp/internal/proc/fork_guard.h"

namespace mp::internal {
namespace {

// Plain numbers: the end of the process closes them, and nothing before it may.
MP_FORK_STATE constinit int g_read = -1;  // of the pipe that the children of this process watch
MP_FORK_STATE constinit int g_write = -1;
MP_FORK_STATE constinit int g_watches[kMostWatched] = {};  // on the parent, and ancestors
MP_FORK_STATE constinit size_t g_watched = 0;

void shut(int& fd) {
  if (fd >= 0) {
    close(std::exchange(fd, -1));
  }
}

void shut_watches() {
  while (g_watched > 0) {
    shut(g_watches[--g_watched]);
  }
}

void nothing() {}

void forget_in_child() {
  // The watches are the parent's own; the pipe says whether the parent lives, so a child must not
  // hold its write end.
  shut_watches();
  shut(g_write);
  shut(g_read);
}

[[maybe_unused]] const bool g_hooked = (add_fork_hooks({nothing, nothing, forget_in_child}), true);

}  // namespace

absl::StatusOr<std::vector<int>> life_read_ends() {
  if (g_read < 0) {
    LifePipe pipe;
    if (int err = make_life_pipe(&pipe); err != 0) {
      return os_error(err, "mp: the pipe that ends children with their parent");
    }
    g_read = pipe.read.release();
    g_write = pipe.write.release();
  }
  std::vector<int> ends = {g_read};
  const size_t above =
      planted(ProcessBug::kParentAlone) ? 0 : std::min(g_watched, kMostWatched - 1);
  ends.insert(ends.end(), g_watches, g_watches + above);
  return ends;
}

int add_watch(int read_end, Watches* out) noexcept {
  UniqueFd watch = open_watch(read_end);
  if (!watch.valid()) {
    return errno;
  }
  out->fds[out->count++] = std::move(watch);
  return 0;
}

absl::StatusOr<Watches> watches_for_child() {
  auto ends = life_read_ends();
  if (!ends.ok()) {
    return ends.status();
  }
  Watches watches;
  for (int end : *ends) {
    if (int err = add_watch(end, &watches); err != 0) {
      return os_error(err, "mp: the watch that ends a child with its parent");
    }
  }
  return watches;
}

void live_with_parent(Watches watches) noexcept {
  for (size_t i = 0; i < watches.count; ++i) {
    if (!arm_watch(watches.fds[i].get())) {
      std::string text = absl::StrCat("mp: process ", getpid(),
                                      " cannot watch its parent and ends: ", strerror(errno), "\n");
      if (write(STDERR_FILENO, text.data(), text.size()) < 0) {
        // Nothing is left to tell it to.
      }
      _exit(255);
    }
    g_watches[g_watched++] = watches.fds[i].release();
  }
}

void outlive_parent() noexcept {
  // Who made this process may not have closed its copies yet.
  for (size_t i = 0; i < g_watched; ++i) {
    disarm_watch(g_watches[i]);
  }
  shut_watches();
}

}  // namespace mp::internal
