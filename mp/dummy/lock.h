// mp/dummy/lock.h
//
// Lock: mp::Lock between the threads of one process. Python: multiprocessing.dummy.Lock.
//
//   mp::dummy::Lock lock;
//   std::thread t([lock] { std::scoped_lock hold(lock); std::cout << "hello\n"; });
//
// Handles    Copying a Lock makes another handle to the same lock; the last one frees it.
// Safety     Any method, any thread of this process. Who releases need not be who acquired.
// Ordering   What a thread did before release() is visible to the thread whose acquire() returns
//            true next.
// Blocking   acquire() only. Not fair: a running thread may pass one that is waking up.
// Cost       Uncontended: one compare-and-swap to take, one exchange to give, no system call.
// Death      A thread that ends keeps what it holds: another one may release it.
// Crossing   To other threads, in any way. Not to other processes: mp::Lock does that.
// Python     release() of a free lock is mp::Lock's ValueError, not threading's RuntimeError.

#ifndef MP_DUMMY_LOCK_H_
#define MP_DUMMY_LOCK_H_

#include <iosfwd>
#include <memory>
#include <string>

#include "mp/owner_death.h"
#include "mp/timeout.h"

namespace mp::internal {
class ThreadLock;
}

namespace mp::dummy {

class Lock {
 public:
  // As mp::Lock's; without effect, since threads do not die alone.
  using Options = LockOptions;

  // A free lock.
  Lock() : Lock(Options()) {}
  explicit Lock(Options options);

  // Takes the lock; false when `timeout` ran out first. 0 polls.
  bool acquire(Timeout timeout = kForever) const;

  // Gives it back. Throws mp::ValueError "semaphore or lock released too many times" when it is
  // free.
  void release() const;

  // Whether anybody holds it. A snapshot.
  bool locked() const;

  // False: threads do not die alone.
  bool owner_died() const { return false; }
  void recover() const {}

  // The standard's names: std::scoped_lock is Python's with.
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  template <class Duration>
  bool try_lock_for(Duration timeout) const {
    return acquire(timeout);
  }
  void unlock() const { release(); }

  friend bool operator==(const Lock& a, const Lock& b) noexcept { return a.core_ == b.core_; }
  // "<Lock(owner=None)>", "<Lock(owner=T1)>", "<Lock(owner=SomeOtherThread)>"
  friend std::string repr(const Lock& lock);
  friend std::ostream& operator<<(std::ostream& out, const Lock& lock);

 private:
  friend class Condition;
  friend class ValueLock;
  explicit Lock(std::shared_ptr<internal::ThreadLock> core) : core_(std::move(core)) {}
  std::shared_ptr<internal::ThreadLock> core_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_LOCK_H_
