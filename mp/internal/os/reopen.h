// mp/internal/os/reopen.h
//
// A second open of what a descriptor stands for: an open file description of its own, with its own locks and its own
// owner of signals.

#ifndef MP_INTERNAL_OS_REOPEN_H_
#define MP_INTERNAL_OS_REOPEN_H_

namespace mp::internal {

// Close-on-exec. -1 and errno on failure.
int reopen(int fd, int flags) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_REOPEN_H_
