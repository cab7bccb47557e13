// mp/after_fork.h
//
// register_after_fork: what each child does before its function. Python:
// multiprocessing.util.register_after_fork.
//
//   mp::register_after_fork([] { reseed(); });
//   mp::register_after_fork(cache, [](Cache& c) { c.clear(); });   // while the shared_ptr's object lives
//
// Handles   None: the object is not kept alive.
// Safety    Any thread; waits for a start() of another.
// Ordering  Called in the order of registration, in the child's main thread: after it has become the
//           child (current_process()), before its function.
// Blocking  The child's start takes as long as they do.
// Cost      Nothing for a child if there is none.
// Death     A child that dies in one has died.
// Crossing  Inherited by fork. A child of another method calls what its own program has registered
//           before main, and what forkserver_preload() did.
// Python    What one throws is logged as there (INFO); mp::exit() ends the child, before its
//           function. Not called by a fork() that is not mp's.

#ifndef MP_AFTER_FORK_H_
#define MP_AFTER_FORK_H_

#include <functional>
#include <memory>
#include <utility>

#include "mp/internal/proc/after_fork.h"

namespace mp {

inline void register_after_fork(std::function<void()> hook) {
  internal::add_after_fork(std::move(hook));
}

template <class T, class F>
void register_after_fork(const std::shared_ptr<T>& object, F hook) {
  internal::add_after_fork(object, [weak = std::weak_ptr<T>(object), hook = std::move(hook)] {
    if (std::shared_ptr<T> alive = weak.lock()) {
      hook(*alive);
    }
  });
}

}  // namespace mp

#endif  // MP_AFTER_FORK_H_
