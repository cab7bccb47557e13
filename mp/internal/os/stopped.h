// mp/internal/os/stopped.h
//
// Processes that a signal has stopped.

#ifndef MP_INTERNAL_OS_STOPPED_H_
#define MP_INTERNAL_OS_STOPPED_H_

#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

// Continues `pid` if it has the file `mapped` in its memory and is stopped by a signal, and returns its pidfd; else one that is
// not valid. Without /proc nobody is. Allocates nothing.
UniqueFd continue_stopped(int pid, int mapped) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_STOPPED_H_
