// mp/dummy/semaphore.h
//
// Semaphore: mp::Semaphore between the threads of one process. Python:
// multiprocessing.dummy.Semaphore.
//
//   mp::dummy::Semaphore at_once(4);
//   std::thread t([at_once] { std::scoped_lock one_of_four(at_once); download(); });
//
// Handles    Copying a Semaphore makes another handle to the same one; the last one frees it.
// Safety     Any method, any thread of this process. Who releases need not have acquired.
// Ordering   What a thread did before release() is visible to the one whose acquire() returns true
//            with that permit.
// Blocking   acquire() only. Not fair.
// Cost       One compare-and-swap to take, one to give, no system call.
// Death      A thread that ends keeps what it took: another one may release it.
// Crossing   To other threads, in any way. Not to other processes: mp::Semaphore does that.
// Python     Has get_value(), and mp::Semaphore's errors: OSError for a negative value, not
//            threading's ValueError.

#ifndef MP_DUMMY_SEMAPHORE_H_
#define MP_DUMMY_SEMAPHORE_H_

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "mp/owner_death.h"
#include "mp/timeout.h"

namespace mp::internal {
class ThreadSemaphore;
}

namespace mp::dummy {

class Semaphore {
 public:
  // As mp::Semaphore's; without effect, since threads do not die alone.
  struct Options {
    std::optional<OnOwnerDeath> on_owner_death = {};
  };

  // With `value` permits. Throws mp::OSError (EINVAL) when it is negative, mp::ValueError when it is
  // above 2147483647.
  explicit Semaphore(int64_t value = 1) : Semaphore(value, Options()) {}
  Semaphore(int64_t value, Options options) : Semaphore(value, options, Bound::kNone) {}

  // Takes a permit; false when `timeout` ran out first. 0 polls.
  bool acquire(Timeout timeout = kForever) const;

  // Gives a permit. Throws mp::ValueError "semaphore or lock released too many times" when the value
  // is 2147483647, or a BoundedSemaphore's first value.
  void release() const;

  // How many permits there are. A snapshot.
  int get_value() const;

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

  friend bool operator==(const Semaphore& a, const Semaphore& b) noexcept {
    return a.core_ == b.core_;
  }
  // "<Semaphore(value=2)>", "<BoundedSemaphore(value=2, maxvalue=3)>"
  friend std::string repr(const Semaphore& semaphore);
  friend std::ostream& operator<<(std::ostream& out, const Semaphore& semaphore);

 protected:
  enum class Bound { kNone, kFirstValue };
  Semaphore(int64_t value, Options options, Bound bound);

 private:
  std::shared_ptr<internal::ThreadSemaphore> core_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_SEMAPHORE_H_
