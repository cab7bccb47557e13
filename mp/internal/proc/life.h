// mp/internal/proc/life.h
//
// Life: who dies with whom. Each process that has children holds the write end of one pipe; each of its children watches
// the read end and is killed when the write end closes.
//
// Death   The parent dies before the child watches: the child looks once more after it began to watch, and goes then. The
//         thread that made the child ends, or the fork server dies: nothing happens. A forked child that has not yet
//         closed its copy of the write end keeps its siblings alive until it did, which is the first thing it does.

#ifndef MP_INTERNAL_PROC_LIFE_H_
#define MP_INTERNAL_PROC_LIFE_H_

#include "absl/status/status.h"

namespace mp::internal {

// The read end that this process's children watch, made at the first call. Under the StartLock.
absl::Status life_of_children(int* read_end);

// In a child just forked for `read_end`, its parent's: watches it, and closes it. A child that cannot watch does not run:
// it ends with a sentence on stderr.
void live_with_parent(int read_end) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_LIFE_H_
