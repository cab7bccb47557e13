// mp/internal/proc/fork_server.h
//
// The fork server: this program once more, stopped in freeze_support(), single-threaded and clean,
// which forks children for one process, its client. Started at the client's first need, it lives
// until the client ends or stops it.
//
// Each client has its own: they share a socket that nobody else holds, and so need no name, no key
// and no rendezvous. The server keeps two children ahead, so that neither the fork nor the first touch
// of a child's pages is part of a start.
//
// A start   server: forks a child, a member of the family with a slot of its own.
//           child:  watches the client's life, says on the socket who it is and sends the client's
//                   end of a socket of its own with it, waits there for a plan.
//           client: takes the next child that has said so, watches its slot, gives it the plan and
//                   what it carries, sends word.
//           child:  tells the server that it is taken, runs.
// Death     client: server and children die by its life pipe.
//           server: a child that waits is used up, and what runs runs on, see child.h for its
//             status; then the client hears the end of the socket, and starts another server.
//           child before it is taken: the server forks another, and the client, which asks the
//             slot before it uses the child, takes that one.
//           child after that: it has been started, and its end is its exit status.
//           Nobody waits for the dead: the client waits for the server's socket, which ends with the
//             server and the last child that has not yet said who it is; a waiting child for its own,
//             which ends with the client, or when nobody took it.

#ifndef MP_INTERNAL_PROC_FORK_SERVER_H_
#define MP_INTERNAL_PROC_FORK_SERVER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/proc/child.h"
#include "mp/internal/proc/entry.h"
#include "mp/internal/proc/parcel.h"

namespace mp::internal {

// A child of this process's fork server, under the StartLock.
absl::StatusOr<std::unique_ptr<Child>> start_by_server(const Parcel& parcel);

// Ends this process's fork server, if it has one, and reaps it. Its children live on.
void stop_fork_server() noexcept;

// Of this process, 0 without one.
int fork_server_pid() noexcept;

// What a server does; never returns.
struct ServerJobs {
  // In the server, and in a child that has to wait for its plan: touches what running one needs.
  void (*warm_up)();
  // In a child that was taken; must not return.
  void (*run)(uint64_t plan, std::vector<UniqueFd> fds);
};
[[noreturn]] void serve_forks(Entry entry, const ServerJobs& jobs);

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_FORK_SERVER_H_
