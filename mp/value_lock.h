// mp/value_lock.h
//
// ValueLock: what get_lock() of a Value or Array returns: the Lock or RLock that guards it.
//
//   mp::Lock lock;
//   mp::Value<int> n(7, lock);        // a Lock or an RLock of one's own, for as many as one likes
//   assert(n.get_lock() == lock);
//   std::scoped_lock hold(n.get_lock());
//
// Handles    Copying a ValueLock makes another handle to the same lock.
// Safety     As that lock.
// Ordering   As that lock.
// Blocking   acquire() only.
// Cost       As that lock.
// Death      As that lock. What a Value or Array does by itself under its lock asks nobody whether
//            an owner died: owner_died() waits for the next who takes the lock, or calls update().
// Crossing   Any way.
// Python     There it is the very lock; here it is that lock's handle of one more type.

#ifndef MP_VALUE_LOCK_H_
#define MP_VALUE_LOCK_H_

#include "mp/internal/core/element.h"
#include "mp/internal/core/handle.h"
#include "mp/lock.h"
#include "mp/rlock.h"
#include "mp/timeout.h"

namespace mp {

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
  bool owner_died() const;
  void recover() const;
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
    return a.ref_ == b.ref_;
  }

 private:
  friend internal::HandleAccess;
  friend internal::Turn<ValueLock>;
  friend Codec<ValueLock>;
  ValueLock(internal::Ref ref, bool recursive) : ref_(std::move(ref)), recursive_(recursive) {}
  void begin_turn() const;
  void end_turn() const noexcept;

  internal::Ref ref_;
  bool recursive_;
};

template <>
struct Codec<ValueLock> {
  static Encoder::Ref encode(Encoder& e, const ValueLock& lock);
  static ValueLock decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_VALUE_LOCK_H_
