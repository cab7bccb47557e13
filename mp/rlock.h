// mp/rlock.h
//
// RLock: a lock that its owner may take again. Python: multiprocessing.RLock.
//
//   mp::RLock lock;
//   std::scoped_lock outer(lock);
//   std::scoped_lock inner(lock);  // does not block
//
// Handles    Copying an RLock makes another handle to the same lock.
// Safety     Any thread, any process. The owner is one thread of one process; only it may release.
// Ordering   As Lock.
// Blocking   acquire() only, and never for the owner.
// Cost       As Lock; taking it again writes one word and makes no atomic exchange. 64 bytes shared.
// Death      As Lock. A forked child does not inherit what its parent's threads hold.
// Crossing   Any way.
// Python     As Lock.

#ifndef MP_RLOCK_H_
#define MP_RLOCK_H_

#include <iosfwd>
#include <string>

#include "mp/internal/core/handle.h"
#include "mp/owner_death.h"
#include "mp/timeout.h"

namespace mp {

class RLock {
 public:
  using Options = LockOptions;

  // A free lock that child processes can share. Throws mp::MemoryError, mp::OSError.
  RLock() : RLock(Options()) {}
  explicit RLock(Options options);

  // Takes the lock, or one more level of it; false when `timeout` ran out first.
  bool acquire(Timeout timeout = kForever) const;

  // Gives one level back. Throws mp::AssertionError "attempt to release recursive lock not owned by
  // thread" when the calling thread does not hold it.
  void release() const;

  bool locked() const;

  // As Lock::owner_died().
  bool owner_died() const;
  // As Lock::recover().
  void recover() const;

  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  template <class Duration>
  bool try_lock_for(Duration timeout) const {
    return acquire(timeout);
  }
  void unlock() const { release(); }

  friend bool operator==(const RLock& a, const RLock& b) noexcept { return a.ref_ == b.ref_; }

 private:
  friend internal::HandleAccess;
  explicit RLock(internal::Ref ref) : ref_(std::move(ref)) {}
  internal::Ref ref_;
};

// "<RLock(None, 0)>", "<RLock(MainProcess, 3)>", "<RLock(SomeOtherProcess, nonzero)>"
std::string repr(const RLock& lock);
std::ostream& operator<<(std::ostream& out, const RLock& lock);

template <>
struct Codec<RLock> : internal::HandleCodec<RLock, internal::Kind::kRLock> {};

}  // namespace mp

#endif  // MP_RLOCK_H_
