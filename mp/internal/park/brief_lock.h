// mp/internal/park/brief_lock.h
//
// Locks of the family's own, that a process holds for microseconds: of the allocator, of the family's lists, of the mailbox.
// Every member needs them, and nobody's timeout reaches into them. So nobody waits for one because its owner is stopped.
//
// An owner that is stopped by a signal (SIGSTOP, SIGTSTP ...) is let go on by whoever waits, a slice (100 ms) later, until it has let go,
// and is then stopped again. To its parent that looks as if somebody had done it by hand: SIGCHLD twice; a handler of SIGCONT
// runs in it. Who else sends it SIGCONT just then finds it stopped afterwards, and sends another.
//
// Not helped is who is held by a debugger or a freezer of cgroups, whom we may not signal or look into, who has no slot yet,
// whose first thread has ended, and anybody while we have no descriptor left: it is waited for.
//
// Death   Of who waits, between the two signals: the process stays awake, as if it had been continued. Stopped there, it keeps
//         it awake until it goes on itself.

#ifndef MP_INTERNAL_PARK_BRIEF_LOCK_H_
#define MP_INTERNAL_PARK_BRIEF_LOCK_H_

#include "mp/internal/park/liveness.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/sync/lock_word.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

Acquired acquire_brief_slow(LockWord<>& lock, Owner me, Liveness& family) noexcept;

// kClean or kOwnerDied.
inline Acquired acquire_brief(LockWord<>& lock, Owner me, Liveness& family) noexcept {
  return lock.try_acquire(me, false) == LockWord<>::Take::kClean
             ? Acquired::kClean
             : acquire_brief_slow(lock, me, family);
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_BRIEF_LOCK_H_
