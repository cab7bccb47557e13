// mp/internal/proc/entry.h
//
// Entry: with what a program begins that mp has started by exec. Its parent says so in one
// environment variable, which is read, and taken out, before any static initialiser of the program
// runs; from then on the process dies with its parent.
//
// Death   The parent dies before that: the first look at the life pipe finds it closed. Only the
//         dynamic linker runs earlier.

#ifndef MP_INTERNAL_PROC_ENTRY_H_
#define MP_INTERNAL_PROC_ENTRY_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {

enum class Role : char {
  kRoot = 'r',    // a program that somebody else started
  kChild = 'c',   // is to run a plan
  kServer = 's',  // is to be a fork server
};

struct Entry {
  Role role = Role::kRoot;
  uint64_t plan = 0;          // 0 for a server that preloads nothing
  std::vector<UniqueFd> fds;  // what the parent passed, in its order
};

// This process's; freeze() takes it, once.
Entry& entry();

// Executes this program again, or the one that was set, in `role`, as the process `child` of the family, with `fds` (distinct
// numbers) passed on. Under the StartLock. Returns the pid.
absl::StatusOr<int> execute_self(Role role, const Family::Child& child, uint64_t plan,
                                 const std::vector<int>& fds);

// The program to execute instead of this one; "": none. Under the StartLock.
void set_program(std::string_view path);

// The command line that executed programs get; that of this process until somebody sets another.
void set_command_line(int argc, char* const* argv);

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_ENTRY_H_
