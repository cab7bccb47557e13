// mp/internal/proc/fork_server.h
//
// The fork server: this program once more, stopped in freeze_support(), single-threaded and clean, which forks children
// for one process. Started at that process's first need, it lives until that process ends or it is stopped.
//
// Each process has its own: a request needs no name, no key and no rendezvous, only a socket that nobody else holds.
//
// A start   client: a slot with its certificate, a plan in the arena, both given to the child; sends the certificate.
//           server: forks with that certificate; answers with the child's pid and pidfd.
//           child:  watches the client's life, claims the plan, runs.
// Death     client: server and children die by its life pipe, a child just forked at its first look.
//           server before it forked: the client hears the end of the socket, withdraws the plan, starts another server and
//             begins again. After it forked: client and child settle at the plan who was first; claimed, the child runs
//             on and the client reads its pid from its slot; withdrawn, the child ends without having run.
//           server later: its children run on; see child.h for their status.
//           child: the server reaps it and writes its status into its slot.
//           Nobody waits for the dead: the client waits for the socket, the child for nobody.

#ifndef MP_INTERNAL_PROC_FORK_SERVER_H_
#define MP_INTERNAL_PROC_FORK_SERVER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "mp/internal/proc/child.h"
#include "mp/internal/proc/entry.h"
#include "mp/internal/proc/parcel.h"

namespace mp::internal {

// Asks the fork server for a child, under the StartLock.
absl::StatusOr<std::unique_ptr<Child>> start_by_server(const Parcel& parcel);

// Ends this process's fork server, if it has one, and reaps it. Its children live on.
void stop_fork_server() noexcept;

// Of this process, 0 without one. For tests.
int fork_server_pid() noexcept;

// What a server is: never returns. `child_main` gets each child's plan and descriptors, and does not return either.
[[noreturn]] void serve_forks(Entry entry, void (*child_main)(uint64_t plan, std::vector<UniqueFd> fds));

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_FORK_SERVER_H_
