// mp/internal/os/life_pipe.h
//
// A pipe whose write end one process alone holds: when that process is gone, however it went, the
// kernel kills everybody who watches the read end. No thread, no handler, and it reaches a process
// that never looks.
//
// PR_SET_PDEATHSIG would not do: it fires when the thread that started the child ends, and never
// for a grandchild.

#ifndef MP_INTERNAL_OS_LIFE_PIPE_H_
#define MP_INTERNAL_OS_LIFE_PIPE_H_

#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

struct LifePipe {
  UniqueFd read;
  UniqueFd write;
};

// Close-on-exec. 0 or an errno.
int make_life_pipe(LifePipe* out) noexcept;

// A watch for one process: a file description of its own on the same pipe, so that the watches of
// several processes do not meet. Close-on-exec; on failure not valid, and errno is set.
UniqueFd open_watch(int read_end) noexcept;

// From now on this process is killed with SIGKILL when the last write end closes; at once if it is
// closed already. The watch ends when every copy of `watch` is closed. False and errno on failure.
bool arm_watch(int watch) noexcept;
// Ends it at once, whoever has a copy.
void disarm_watch(int watch) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_LIFE_PIPE_H_
