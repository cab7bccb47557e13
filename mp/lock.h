// mp/lock.h
//
// Lock: a mutual exclusion lock between processes. Python: multiprocessing.Lock.
//
//   void print(mp::Lock lock, int i) {
//     std::scoped_lock hold(lock);
//     std::cout << "hello world " << i << '\n';
//   }
//   mp::Lock lock;
//   mp::Process p(print, lock, 1);
//
// Handles    Copying a Lock makes another handle to the same lock.
// Safety     Any method, any thread, any process that holds a handle. Who releases need not be who
//            acquired.
// Ordering   What a process did before release() is visible to the process whose acquire() returns
//            true next.
// Blocking   acquire() only: it spins for about two microseconds, then sleeps. Not fair: a running
//            process may pass one that is waking up.
// Cost       Uncontended: one compare-and-swap to take, one exchange to give, no system call.
//            64 bytes shared.
// Death      Of the owner, whether it ends or is killed: the next acquire() succeeds within
//            milliseconds, owner_died() is true for its holder until it releases, and a SUBWARNING
//            is logged; or as on_owner_death says. Of a waiter: no effect. A stopped owner keeps
//            its lock.
// Crossing   Any way: fork, Process argument, through a queue or pipe of the family.
// Python     owner_died() is new: there a killed owner hangs everybody. Timeouts are monotonic.

#ifndef MP_LOCK_H_
#define MP_LOCK_H_

#include <iosfwd>
#include <string>

#include "mp/internal/core/handle.h"
#include "mp/owner_death.h"
#include "mp/timeout.h"

namespace mp {

class Lock {
 public:
  using Options = LockOptions;

  // A free lock that child processes can share. Throws mp::MemoryError, mp::OSError.
  Lock() : Lock(Options()) {}
  explicit Lock(Options options);

  // Takes the lock; false when `timeout` ran out first. 0 polls. Throws mp::OwnerDied under kRefuse.
  bool acquire(Timeout timeout = kForever) const;

  // Gives it back. Throws mp::ValueError "semaphore or lock released too many times" when it is
  // free.
  void release() const;

  // Whether anybody holds it. A snapshot.
  bool locked() const;

  // True for the holder when the owner before it died without releasing: what the lock guards may
  // be half-written.
  bool owner_died() const;

  // What it guards is repaired: owner_died() is false again, and a lock that refuses may be taken.
  // Let one process repair: a late recover() also settles the death of an owner that came after.
  void recover() const;

  // The standard's names: std::scoped_lock is Python's with.
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  template <class Duration>
  bool try_lock_for(Duration timeout) const {
    return acquire(timeout);
  }
  void unlock() const { release(); }

  friend bool operator==(const Lock& a, const Lock& b) noexcept { return a.ref_ == b.ref_; }

 private:
  friend internal::HandleAccess;
  explicit Lock(internal::Ref ref) : ref_(std::move(ref)) {}
  internal::Ref ref_;
};

// "<Lock(owner=None)>", "<Lock(owner=MainProcess|T1)>", "<Lock(owner=SomeOtherProcess)>"
std::string repr(const Lock& lock);
std::ostream& operator<<(std::ostream& out, const Lock& lock);

template <>
struct Codec<Lock> : internal::HandleCodec<Lock, internal::Kind::kLock> {};

}  // namespace mp

#endif  // MP_LOCK_H_
