// mp/internal/os/pidfd.h
//
// Processes by file descriptor: a number that is never given out again while it is open.

#ifndef MP_INTERNAL_OS_PIDFD_H_
#define MP_INTERNAL_OS_PIDFD_H_

#include <cstddef>
#include <vector>

#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

// Close-on-exec; on failure not valid, and errno is set. Who does not know that `pid` has not
// been reaped looks afterwards whom it names.
UniqueFd open_pidfd(int pid) noexcept;

// Waits until the process has ended; false when `deadline` passed first. Does not reap. Any thread,
// any number of them.
bool await_end(int pidfd, Deadline deadline) noexcept;

// The indices of those that have ended, without waiting: one system call for all.
std::vector<size_t> poll_ends(const std::vector<int>& pidfds);

// 0, or an errno; ESRCH when it was reaped already.
int signal_pidfd(int pidfd, int signal) noexcept;

enum class Reaped {
  kYes,  // `status` is what wait() reports
  kRunning,
  kForeign,  // not our child, or somebody else has reaped it
};
// Reaps our own child; waits for its end if `block`.
Reaped reap(int pidfd, bool block, int* status) noexcept;

// Kills and reaps a child of ours that has never been waited for.
void kill_child(int pid) noexcept;

// The status that the kernel keeps for a process that somebody else has reaped; false where it
// keeps none.
bool recorded_status(int pidfd, int* status) noexcept;

// 7 for exit(7), -9 for a death by SIGKILL.
int exit_code_of(int status) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_PIDFD_H_
