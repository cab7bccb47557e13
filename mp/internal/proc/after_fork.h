// mp/internal/proc/after_fork.h
//
// What every child of this process is to call before its function, in the order in which it was asked for.
//
// Fork    Changed under the StartLock alone, so that a child finds the list whole. It reads one word when there is none.

#ifndef MP_INTERNAL_PROC_AFTER_FORK_H_
#define MP_INTERNAL_PROC_AFTER_FORK_H_

#include <functional>
#include <memory>

namespace mp::internal {

// Called as long as `object` lives; without one, always.
void add_after_fork(std::function<void()> hook);
void add_after_fork(std::weak_ptr<const void> object, std::function<void()> hook);

// In a child. What a hook throws is logged; mp::exit() passes through.
void run_after_fork();

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_AFTER_FORK_H_
