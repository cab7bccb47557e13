// mp/internal/proc/fork_guard.h
//
// ForkGuard: what a fork() may not see half done, and what a forked child must forget.
//
// A process about to start a child holds descriptors that must not reach anybody else: the child's certificate would keep
// a dead child alive for as long as a sibling holds a copy. So starts and forks exclude each other, forks by code that
// knows nothing of mp included.
//
// Locks   start lock -> whatever the hooks lock -> the family's.

#ifndef MP_INTERNAL_PROC_FORK_GUARD_H_
#define MP_INTERNAL_PROC_FORK_GUARD_H_

namespace mp::internal {

// One start at a time in this process, and no fork by another thread meanwhile.
class StartLock {
 public:
  StartLock();
  ~StartLock();
  StartLock(const StartLock&) = delete;
  StartLock& operator=(const StartLock&) = delete;

  // Until the end of this lock a fork() of this thread makes a child of mp. In it the lock is free again.
  void fork_is_ours() noexcept;
};

// In a fork's child, inside the hooks: mp made it.
bool forked_by_mp() noexcept;

// Called around every fork() of this process, by any code, from its first start on.
struct ForkHooks {
  void (*prepare)();  // in the parent, before: take locks
  void (*parent)();   // in the parent, after: give them back
  void (*child)();    // in the child: give them back and forget
};
void add_fork_hooks(const ForkHooks& hooks);

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_FORK_GUARD_H_
