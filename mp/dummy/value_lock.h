// mp/dummy/value_lock.h
//
// ValueLock: mp::ValueLock between the threads of one process.
//
//   mp::dummy::Lock lock;
//   mp::dummy::Value<int> n(7, lock);
//   std::scoped_lock hold(n.get_lock());
//
// Handles    Copying a ValueLock makes another handle to the same lock.
// Safety     As that lock.
// Ordering   As that lock.
// Blocking   acquire() only.
// Cost       As that lock.
// Death      As that lock.
// Crossing   As that lock.
// Python     multiprocessing.dummy has no lock in its Value and Array.

#ifndef MP_DUMMY_VALUE_LOCK_H_
#define MP_DUMMY_VALUE_LOCK_H_

#include <memory>

#include "mp/dummy/lock.h"
#include "mp/dummy/rlock.h"
#include "mp/internal/core/element.h"
#include "mp/timeout.h"

namespace mp::internal {
class ThreadLock;
}

namespace mp::dummy {

class ValueLock {
 public:
  // A new RLock.
  ValueLock();
  // A lock that others may use as well.
  ValueLock(const Lock& lock);   // NOLINT: implicit, both are the same lock
  ValueLock(const RLock& lock);  // NOLINT

  bool acquire(Timeout timeout = kForever) const;
  void release() const;
  bool locked() const;
  bool owner_died() const { return false; }
  void recover() const {}
  // It is an RLock.
  bool recursive() const noexcept { return recursive_; }

  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  template <class Duration>
  bool try_lock_for(Duration timeout) const {
    return acquire(timeout);
  }
  void unlock() const { release(); }

  friend bool operator==(const ValueLock& a, const ValueLock& b) noexcept {
    return a.core_ == b.core_;
  }

 private:
  friend internal::Turn<ValueLock>;
  void begin_turn() const;
  void end_turn() const noexcept;

  std::shared_ptr<internal::ThreadLock> core_;
  bool recursive_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_VALUE_LOCK_H_
