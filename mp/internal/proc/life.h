// mp/internal/proc/life.h
//
// Life: who dies with whom. Each process that has children holds the write end of one pipe; each of
// its children watches the read end and is killed when the write end closes. It watches the pipes
// of its ancestors too, as far as its parent does: a whole line goes at once, and need not wait
// until each of them in turn has found a processor to die on.
//
// Death   The parent dies before the child watches: the child looks once more after it began to
//         watch, and goes then. The thread that made the child ends, or the fork server dies:
//         nothing happens. A forked child that has not yet closed its copy of the write end keeps
//         its siblings alive until it did, which is the first thing it does.
//         An ancestor dies that the parent does not watch, since it outlives its own: nothing.

#ifndef MP_INTERNAL_PROC_LIFE_H_
#define MP_INTERNAL_PROC_LIFE_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

// How many ancestors a process watches: its parent, and those above it that are nearest.
inline constexpr size_t kMostWatched = 8;

// Of one child that is about to be started: on its parent first.
struct Watches {
  UniqueFd fds[kMostWatched];
  size_t count = 0;
};

// The read ends that the watches of this process's children are opened from, for its fork server.
absl::StatusOr<std::vector<int>> life_read_ends();

// From one of them. 0 or an errno.
int add_watch(int read_end, Watches* out) noexcept;

// For one child that is about to be started. Under the StartLock.
absl::StatusOr<Watches> watches_for_child();

// In a child, with the watches made for it: begins to watch. A child that cannot does not run: it
// ends with a sentence on stderr.
void live_with_parent(Watches watches) noexcept;
// In a child that was asked to: ends the watches.
void outlive_parent() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_LIFE_H_
