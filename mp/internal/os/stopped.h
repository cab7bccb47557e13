// mp/internal/os/stopped.h
//
// Processes that a signal has stopped.

#ifndef MP_INTERNAL_OS_STOPPED_H_
#define MP_INTERNAL_OS_STOPPED_H_

#include "absl/functional/function_ref.h"
#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

// Continues `pid` if it has the file `mapped` in its memory, is stopped by a signal, and `wanted()` is true even then, and
// returns its pidfd; else one that is not valid. So it is when /proc does not say, as of a process that we may not look into or
// signal, or whose first thread has ended. Allocates nothing.
UniqueFd continue_stopped(int pid, int mapped, absl::FunctionRef<bool()> wanted) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_STOPPED_H_
