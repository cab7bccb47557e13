// mp/internal/os/spawn.h
//
// This program once more, or another one, in a new process.

#ifndef MP_INTERNAL_OS_SPAWN_H_
#define MP_INTERNAL_OS_SPAWN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mp::internal {

// The numbers under which a spawned program finds `fds` (distinct, all above 2): 3, 4, ... in the
// order of their values.
std::vector<int> spawned_numbers(const std::vector<int>& fds);

// The signals that the calling thread blocks, one bit each.
uint64_t signal_mask() noexcept;
void set_signal_mask(uint64_t mask) noexcept;

// Starts the file `path`, a script too; null: the very file this process runs, also after it was
// replaced or deleted. With the arguments `argv`, the environment of this process and `variables` ("NAME=value") before it. Open in it are
// `fds` (as above), this process's standard output and error, and /dev/null as standard input;
// nothing else. It begins with all signals blocked: its first act is set_signal_mask(). The rest is
// as the calling thread has it. Returns 0 and the pid, or an errno.
//
// This is vfork and exec: the memory is shared until the exec, nothing is copied, and with signals
// blocked none of this program's handlers can run in the child.
int spawn_program(const char* path, char* const* argv, const std::vector<std::string>& variables,
                  const std::vector<int>& fds, int* pid);

// The command line of this process as the kernel has it.
std::vector<std::string> own_command_line();

// Gives this process the name of its program, which `ps` shows and an exec by descriptor has lost.
void restore_process_name() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_SPAWN_H_
