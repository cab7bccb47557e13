// mp/internal/os/process_tree.h
//
// A process and its descendants, as the kernel knows them.

#ifndef MP_INTERNAL_OS_PROCESS_TREE_H_
#define MP_INTERNAL_OS_PROCESS_TREE_H_

namespace mp::internal {

// Top down each is stopped, so that it makes no more children, and looked at, until all are known; only then they get the
// signal, since the death of one may set its children free of it, or end them before theirs are known.
//
// Not found are those that left the tree before: whose parent had ended, unless keep_orphans() was called above them.
// Death  Who is killed in here leaves stopped what was stopped so far, but for processes of mp, which end with their parent:
//        let the first of them watch its parent before it is stopped.

// `signal` to the process and all its descendants, which go on with it if it was not SIGKILL. `pidfd` is the process's. 0, also
// when it has ended, or why it could not look at all of them (EMFILE, ENFILE, ENOMEM): then nobody gets the signal.
[[nodiscard]] int signal_tree(int pid, int pidfd, int signal);

// SIGKILL to all descendants of this process; comes back when they have ended. Not found are those that another thread makes
// meanwhile, and those for whose sight there is no descriptor or memory.
void kill_descendants();

// From now on descendants whose parent ends become children of this process.
void keep_orphans() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_PROCESS_TREE_H_
