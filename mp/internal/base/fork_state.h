// mp/internal/base/fork_state.h
//
// MP_FORK_STATE marks a variable that every fork writes, in the parent, in the child or in both. Such variables lie side
// by side: the first write to a page after a fork copies it, and scattered they would cost a copy each.

#ifndef MP_INTERNAL_BASE_FORK_STATE_H_
#define MP_INTERNAL_BASE_FORK_STATE_H_

#define MP_FORK_STATE [[gnu::section("mp_fork_state")]]

#endif  // MP_INTERNAL_BASE_FORK_STATE_H_
