// mp/internal/os/reopen.h
//
// Descriptors by number: a second open of what one stands for, and keeping off the standard streams' numbers.

#ifndef MP_INTERNAL_OS_REOPEN_H_
#define MP_INTERNAL_OS_REOPEN_H_

namespace mp::internal {

// An open file description of its own, with its own locks and its own owner of signals. Close-on-exec, above 2; -1 and
// errno on failure.
int reopen(int fd, int flags) noexcept;

// `fd`, which may be -1, or in its place a copy whose number is above 2, close-on-exec. A program whose standard output is
// closed would print into what else has that number: the family's memory.
int above_stdio(int fd) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_REOPEN_H_
