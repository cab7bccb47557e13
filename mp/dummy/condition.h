// mp/dummy/condition.h
//
// Condition: mp::Condition between the threads of one process. Python:
// multiprocessing.dummy.Condition.
//
//   mp::dummy::Condition changed;                // over an RLock of its own
//   {
//     std::scoped_lock hold(changed);
//     changed.wait_for([&] { return stock > 0; });
//   }
//
// Handles    Copying a Condition makes another handle to the same condition and lock.
// Safety     Any thread of this process; wait and notify with the lock held.
// Ordering   As its lock.
// Blocking   acquire() and wait().
// Cost       notify() with nobody waiting: one uncontended mutex. With waiters: one wake each.
// Death      A thread that ends does not wait any more.
// Crossing   As Lock.
// Python     Errors are mp::Condition's AssertionError, not threading's RuntimeError.

#ifndef MP_DUMMY_CONDITION_H_
#define MP_DUMMY_CONDITION_H_

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include "mp/dummy/lock.h"
#include "mp/dummy/rlock.h"
#include "mp/timeout.h"

namespace mp::internal {
class ThreadCondition;
}

namespace mp::dummy {

class Condition {
 public:
  // Over a new RLock, or over a lock that other conditions may use as well.
  Condition();
  explicit Condition(const Lock& lock);
  explicit Condition(const RLock& lock);

  // The lock.
  bool acquire(Timeout timeout = kForever) const;
  void release() const;
  bool owner_died() const { return false; }
  void recover() const {}
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  void unlock() const { release(); }

  // Gives the lock up, with all levels of an RLock, sleeps until notified, and takes it back. False
  // when `timeout` ran out first. Throws mp::AssertionError "must acquire() condition before using
  // wait()".
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
    return a.core_ == b.core_;
  }

  // "<Condition(<RLock(None, 0)>, 0)>": the lock, and how many wait.
  friend std::string repr(const Condition& condition);
  friend std::ostream& operator<<(std::ostream& out, const Condition& condition);

 private:
  Condition(std::shared_ptr<internal::ThreadLock> lock, bool recursive);
  std::string text() const;
  static int64_t deadline_ns(Timeout timeout);
  bool wait_until(int64_t deadline_ns) const;

  std::shared_ptr<internal::ThreadCondition> core_;
  std::shared_ptr<internal::ThreadLock> lock_;
  bool recursive_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_CONDITION_H_
