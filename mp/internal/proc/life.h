// mp/internal/proc/life.h
//
// Life: who dies with whom. Each process that has children holds the write end of one pipe; each of
// its children watches the read end and is killed when the write end closes.
//
// Death   The parent dies before the child watches: the child looks once more after it began to
//         watch, and goes then. The thread that made the child ends, or the fork server dies:
//         nothing happens. A forked child that has not yet closed its copy of the write end keeps
//         its siblings alive until it did, which is the first thing it does.

#ifndef MP_INTERNAL_PROC_LIFE_H_
#define MP_INTERNAL_PROC_LIFE_H_

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

// A watch on this process for one child that is about to be started. Under the StartLock.
absl::StatusOr<UniqueFd> watch_for_child();

// The read end that watches of this process are opened from, for its fork server.
absl::StatusOr<int> life_read_end();

// In a child, with the watch made for it: begins to watch. A child that cannot does not run: it
// ends with a sentence on stderr.
void live_with_parent(UniqueFd watch) noexcept;
// In a child that was asked to: ends the watch.
void outlive_parent() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_LIFE_H_
