// mp/internal/proc/start.h
//
// The three ways to start a child. All take the StartLock; the child ends with this process, has /dev/null as standard
// input, and its death is noticed by whoever looks at its slot.
//
// Death   This process dies: while it starts a child, the child dies too: a forked one at its first look at the life
//         pipe, an executed one there too, before main, one of the fork server likewise. Of what it prepared, a slot
//         whose certificate nobody holds is swept with all it was given.
//         The child dies: at any point, that is an exit status. Nothing waits for the child to arrive anywhere.
// Errors  A status; nothing is left: no process, no descriptor, no object.

#ifndef MP_INTERNAL_PROC_START_H_
#define MP_INTERNAL_PROC_START_H_

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/proc/child.h"
#include "mp/internal/proc/parcel.h"

namespace mp::internal {

// The child, a copy of this process with this thread alone, calls `body`, which must not return.
absl::StatusOr<std::unique_ptr<Child>> start_by_fork(absl::FunctionRef<void()> body);

// A new run of this program, which arrives in freeze() there.
absl::StatusOr<std::unique_ptr<Child>> start_by_spawn(const Parcel& parcel);

// A fork of this process's fork server.
absl::StatusOr<std::unique_ptr<Child>> start_by_forkserver(const Parcel& parcel);

// What a child started by spawn or forkserver has got.
struct Arrival {
  Plan plan;
  std::vector<UniqueFd> fds;
};

// What this layer does not know of a program.
struct Program {
  // Runs a child; must not return.
  void (*child_main)(Arrival arrival);
  // Called in the fork server, and in a child that it has made ahead: touches what running one needs.
  void (*warm_up)();
};

// The first thing in main: keeps the command line; in a program executed as a child or a fork
// server it becomes that, and does not return.
void freeze(int argc, char** argv, const Program& program);

enum class Frozen {
  kNo,       // freeze() was not called
  kAwaited,  // nor in this process, which was executed as a child: its main has left out the call
  kYes,
};
Frozen frozen() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_START_H_
