// mp/dummy/rlock.h
//
// RLock: mp::RLock between the threads of one process. Python: multiprocessing.dummy.RLock.
//
//   mp::dummy::RLock lock;
//   std::scoped_lock outer(lock);
//   std::scoped_lock inner(lock);  // does not block
//
// Handles    Copying an RLock makes another handle to the same lock; the last one frees it.
// Safety     Any thread of this process. The owner is one thread; only it may release.
// Ordering   As Lock.
// Blocking   acquire() only, and never for the owner.
// Cost       As Lock; taking it again makes no atomic exchange.
// Death      A thread that ends keeps what it holds, and then nobody can give it back.
// Crossing   As Lock.
// Python     Errors are mp::RLock's AssertionError, not threading's RuntimeError.

#ifndef MP_DUMMY_RLOCK_H_
#define MP_DUMMY_RLOCK_H_

#include <iosfwd>
#include <memory>
#include <string>

#include "mp/owner_death.h"
#include "mp/timeout.h"

namespace mp::internal {
class ThreadLock;
}

namespace mp::dummy {

class RLock {
 public:
  // As mp::RLock's; without effect, since threads do not die alone.
  using Options = LockOptions;

  // A free lock.
  RLock() : RLock(Options()) {}
  explicit RLock(Options options);

  // Takes the lock, or one more level of it; false when `timeout` ran out first.
  bool acquire(Timeout timeout = kForever) const;

  // Gives one level back. Throws mp::AssertionError "attempt to release recursive lock not owned by
  // thread" when the calling thread does not hold it.
  void release() const;

  // Whether anybody holds it. A snapshot.
  bool locked() const;

  // False: threads do not die alone.
  bool owner_died() const { return false; }
  void recover() const {}

  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  template <class Duration>
  bool try_lock_for(Duration timeout) const {
    return acquire(timeout);
  }
  void unlock() const { release(); }

  friend bool operator==(const RLock& a, const RLock& b) noexcept { return a.core_ == b.core_; }
  // "<RLock(None, 0)>", "<RLock(T1, 3)>", "<RLock(SomeOtherThread, nonzero)>"
  friend std::string repr(const RLock& lock);
  friend std::ostream& operator<<(std::ostream& out, const RLock& lock);

 private:
  friend class Condition;
  friend class ValueLock;
  explicit RLock(std::shared_ptr<internal::ThreadLock> core) : core_(std::move(core)) {}
  std::shared_ptr<internal::ThreadLock> core_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_RLOCK_H_
