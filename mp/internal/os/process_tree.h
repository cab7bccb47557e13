// mp/internal/os/process_tree.h
//
// A process and its descendants, as the kernel knows them.

#ifndef MP_INTERNAL_OS_PROCESS_TREE_H_
#define MP_INTERNAL_OS_PROCESS_TREE_H_

namespace mp::internal {

// SIGKILL to the process and all its descendants; `pidfd` is its, and it has not been reaped. Top down each is stopped, so that
// it makes no more children, and looked at, until all are known; only then they are killed, since the death of one may set its
// children free of it, or end them before theirs are known.
//
// Not found are those that left the tree before: whose parent had ended.
// Death  Who is killed in here leaves stopped what was stopped so far.
void kill_tree(int pid, int pidfd);

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_PROCESS_TREE_H_
