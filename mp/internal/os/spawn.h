// mp/internal/os/spawn.h
//
// This program once more, in a new process.

#ifndef MP_INTERNAL_OS_SPAWN_H_
#define MP_INTERNAL_OS_SPAWN_H_

#include <string>
#include <vector>

namespace mp::internal {

// The numbers under which a spawned program finds `fds` (distinct, all above 2): 3, 4, ... in the
// order of their values.
std::vector<int> spawned_numbers(const std::vector<int>& fds);

// Starts the very file this process runs, also after it was replaced or deleted, with the arguments
// `argv`, the environment of this process and `variables` ("NAME=value") before it. Open in it are
// `fds` (as above), this process's standard output and error, and /dev/null as standard input;
// nothing else. Working directory, signal mask, limits are the calling thread's. Returns 0 and the
// pid, or an errno.
int spawn_self(char* const* argv, const std::vector<std::string>& variables,
               const std::vector<int>& fds, int* pid);

// The command line of this process as the kernel has it: for a program that has not told us its
// own.
std::vector<std::string> own_command_line();

// Gives this process the name that `ps` shows for its program, which an exec of /proc/self/exe has
// lost.
void restore_process_name() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_SPAWN_H_
