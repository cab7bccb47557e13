// mp/internal/os/process_tree.h
//
// A process and its descendants, as the kernel knows them.
//
// Top down each is stopped, so that it makes no more children, and looked at, until all are known; only then they get the
// signal, since the death of one may set its children free of it, or end them before theirs are known.
//
// Death   Nobody stays stopped. The one who stops is a helper: a copy of the calling thread in a process and a session of its
//         own, with all signals blocked, that holds none of the caller's descriptors. Killed is
//           the caller, before there is a helper: nothing was done;
//           the caller, later: the helper goes on alone to the end. Who is no longer under the process by then, since that died
//             with the caller, gets no signal, and was not stopped;
//           the helper: the caller, which waits for it, makes another, which begins anew. The signal, and then the word to go
//             on, reach each after all its descendants. So whoever still lacks one is still found: its ancestors up to the
//             process live, and stand still. Who does not die of the signal may get it twice;
//           one of the descendants, by others: its children are orphans. They get the signal if they were known already.
//         Only if both are killed, the helper and then the caller before it has made another, or the caller where there was no
//         room for a helper, so that it is its own, some stay stopped.
//
// Not found are those that left the tree before: whose parent had ended, unless keep_orphans() was called above them.

#ifndef MP_INTERNAL_OS_PROCESS_TREE_H_
#define MP_INTERNAL_OS_PROCESS_TREE_H_

namespace mp::internal {

// `signal` to the process and all its descendants, which go on with it if it was not SIGKILL. `pidfd` is the process's. 0, also
// when it has ended, or why it could not look at all of them (EMFILE, ENFILE, ENOMEM; ECANCELED: each helper was killed): then
// nobody gets the signal. Costs a fork, and at least two looks at all processes of the machine.
[[nodiscard]] int signal_tree(int pid, int pidfd, int signal);

// After keep_orphans(): SIGKILL to all descendants of this process; comes back when they have ended. Nobody is stopped: the
// children of who was killed become this process's, and are killed next. Not found are those that another thread makes
// meanwhile, and those for whose sight there is no descriptor or memory.
void kill_descendants();

// From now on descendants whose parent ends become children of this process.
void keep_orphans() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_PROCESS_TREE_H_
