// mp/condition.h
//
// Condition: waiting for a state that a lock guards. Python: multiprocessing.Condition.
//
//   mp::Condition changed;  // over an RLock of its own
//   {
//     std::scoped_lock hold(changed);
//     changed.wait_for([&] { return !jobs.empty(); });
//   }
//
// Handles    Copying a Condition makes another handle to the same condition and lock.
// Safety     Any thread, any process; wait and notify with the lock held.
// Ordering   As its lock.
// Blocking   acquire() and wait(). notify() does not: it never waits for the woken.
// Cost       notify() with nobody waiting: reads 256 shared bytes, no system call. With waiters:
//            one futex wake each. wait() spins for as long as a wake-up takes, then sleeps.
// Death      Of a waiter: it takes no notification with it; one it had been given goes to another
//            waiter. Of the lock's owner: as the lock.
// Crossing   Any way.
// Python     There a killed waiter blocks the notifier for ever; here notify() does not wait.

#ifndef MP_CONDITION_H_
#define MP_CONDITION_H_

#include <cstdint>
#include <iosfwd>
#include <string>

#include "mp/internal/core/handle.h"
#include "mp/lock.h"
#include "mp/rlock.h"
#include "mp/timeout.h"

namespace mp {

class Condition {
 public:
  // Over a new RLock, or over a lock that other conditions may use as well.
  Condition();
  explicit Condition(const Lock& lock);
  explicit Condition(const RLock& lock);

  // The lock.
  bool acquire(Timeout timeout = kForever) const;
  void release() const;
  bool owner_died() const;
  void recover() const;
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  void unlock() const { release(); }

  // Gives the lock up, with all levels of an RLock, sleeps until notified, and takes it back. False
  // when `timeout` ran out first. May, after a death, wake for nothing. Throws mp::AssertionError
  // "must acquire() condition before using wait()"; over a lock that refuses, mp::OwnerDied, and
  // then the lock is not held.
  bool wait(Timeout timeout = kForever) const;

  // Waits until `predicate` holds; returns its last value, which is false only when `timeout` ran
  // out.
  template <class Predicate>
  auto wait_for(Predicate predicate, Timeout timeout = kForever) const {
    auto result = predicate();
    if (!result) {
      int64_t until = deadline_ns(timeout);
      while (!result && wait_until(until)) {
        result = predicate();
      }
      if (!result) {
        result = predicate();
      }
    }
    return result;
  }

  // Wakes up to `n` waiters, those first that came first. Throws mp::AssertionError "lock is not
  // owned".
  void notify(uint64_t n = 1) const;
  void notify_all() const;

  friend bool operator==(const Condition& a, const Condition& b) noexcept {
    return a.ref_ == b.ref_;
  }

  // "<Condition(<RLock(None, 0)>, 0)>": the lock, and how many wait.
  friend std::string repr(const Condition& condition);
  friend std::ostream& operator<<(std::ostream& out, const Condition& condition);

 private:
  friend internal::HandleAccess;
  friend Codec<Condition>;
  Condition(internal::Ref ref, internal::Ref lock, bool recursive)
      : ref_(std::move(ref)), lock_(std::move(lock)), recursive_(recursive) {}
  static int64_t deadline_ns(Timeout timeout);
  bool wait_until(int64_t deadline_ns) const;

  internal::Ref ref_;
  internal::Ref lock_;
  bool recursive_;
};

std::string repr(const Condition& condition);
std::ostream& operator<<(std::ostream& out, const Condition& condition);

template <>
struct Codec<Condition> {
  static Encoder::Ref encode(Encoder& e, const Condition& c);
  static Condition decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_CONDITION_H_
