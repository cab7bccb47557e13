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

// From now on this process is killed with SIGKILL when the last write end of the pipe behind
// `read_end` closes; at once if it is closed already. Keep the returned descriptor: closing it ends
// the watch. It is a file description of this process's own, so that the watches of relatives do
// not meet. Not valid on failure, and errno is set.
UniqueFd watch_life_pipe(int read_end) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_LIFE_PIPE_H_
