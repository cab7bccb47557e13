#include "mp/internal/proc/life.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mp/errors.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/life_pipe.h"
#include "mp/internal/proc/fork_guard.h"

namespace mp::internal {
namespace {

// Never destroyed: the end of the process closes them, and nothing before it may.
struct Life {
  LifePipe pipe;
  UniqueFd watch;
};
Life& life() {
  static Life& life = *new Life;
  return life;
}

void nothing() {}

void forget_in_child() {
  // The watch is the parent's own; the pipe says whether the parent lives, so a child must not hold its write end.
  life().watch.reset();
  life().pipe.write.reset();
  if (forked_by_mp()) {
    // Whoever forked us hands the number of the read end to live_with_parent().
    life().pipe.read.release();
  } else {
    life().pipe.read.reset();
  }
}

[[maybe_unused]] const bool g_hooked = (add_fork_hooks({nothing, nothing, forget_in_child}), true);

}  // namespace

absl::Status life_of_children(int* read_end) {
  if (!life().pipe.read.valid()) {
    if (int err = make_life_pipe(&life().pipe); err != 0) {
      return os_error(err, "mp: the pipe that ends children with their parent");
    }
  }
  *read_end = life().pipe.read.get();
  return absl::OkStatus();
}

void live_with_parent(int read_end) noexcept {
  life().watch = watch_life_pipe(read_end);
  if (!life().watch.valid()) {
    char text[256];
    int n = snprintf(text, sizeof text, "mp: process %d cannot watch its parent and ends: %s\n",
                     static_cast<int>(getpid()), strerror(errno));
    if (write(STDERR_FILENO, text, static_cast<size_t>(n)) < 0) {
      // Nothing is left to tell it to.
    }
    _exit(255);
  }
  close(read_end);
}

}  // namespace mp::internal
