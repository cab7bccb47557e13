// mp/semaphore.h
//
// Semaphore: a number of permits; who takes one waits until there is one. Python:
// multiprocessing.Semaphore.
//
//   void download(mp::Semaphore at_once, std::string url) {
//     std::scoped_lock one_of_four(at_once);
//     ...
//   }
//   mp::Semaphore at_once(4);
//   mp::Process p(download, at_once, url);
//
// Handles    Copying a Semaphore makes another handle to the same semaphore.
// Safety     Any method, any thread, any process that holds a handle. Who releases need not have
//            acquired.
// Ordering   What a process did before release() is visible to the one whose acquire() returns true
//            with that permit.
// Blocking   acquire() only: it spins for about two microseconds, then sleeps. Not fair.
// Cost       One compare-and-swap to take, one to give, no system call; three more when another
//            process used it last. 512 bytes shared, 16 more for each slot of a process above 16.
// Death      Of a process that holds permits, whether it ends or is killed: they come back once,
//            within milliseconds of somebody waiting, and owner_died() is true. A release by a process
//            that holds none makes a signal of the semaphore, for ever: permits of those who died
//            before it come back, permits of those who die later do not. Of a waiter: no effect. A
//            stopped process keeps what it holds, and delays nobody else.
// Crossing   Any way: fork, Process argument, through a queue or pipe of the family.
// Python     There the permits of a killed process are lost. get_value() counts permits of the dead
//            as free. An initial value above 2147483647 is a ValueError. Timeouts are monotonic.

#ifndef MP_SEMAPHORE_H_
#define MP_SEMAPHORE_H_

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "mp/internal/core/handle.h"
#include "mp/owner_death.h"
#include "mp/timeout.h"

namespace mp {

class Semaphore {
 public:
  struct Options {
    // None: kReport, until a process releases more than it holds; then kNever. One that is named
    // stays as it is: a release by who holds nothing adds a permit and takes nobody's.
    std::optional<OnOwnerDeath> on_owner_death = {};
  };

  // With `value` permits. Throws mp::OSError (EINVAL) when it is negative, mp::ValueError when it is
  // above 2147483647; mp::MemoryError.
  explicit Semaphore(int64_t value = 1) : Semaphore(value, Options()) {}
  Semaphore(int64_t value, Options options);

  // Takes a permit; false when `timeout` ran out first. 0 polls. Throws mp::OwnerDied under kRefuse
  // after a death; mp::MemoryError at a process's first call.
  bool acquire(Timeout timeout = kForever) const;

  // Gives a permit back, or adds one. Throws mp::ValueError "semaphore or lock released too many
  // times" when the value is 2147483647, or a BoundedSemaphore's first value.
  void release() const;

  // How many permits there are. A snapshot.
  int get_value() const;

  // Permits of a dead process came back, and nobody has called recover() since.
  bool owner_died() const;
  // What the dead have left is repaired. Settles every death whose permits have come back, so let
  // one process at a time repair; a death that is found later is reported later.
  void recover() const;

  // The standard's names: std::scoped_lock is Python's with.
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  template <class Duration>
  bool try_lock_for(Duration timeout) const {
    return acquire(timeout);
  }
  void unlock() const { release(); }

  friend bool operator==(const Semaphore& a, const Semaphore& b) noexcept {
    return a.ref_ == b.ref_;
  }

 protected:
  enum class Bound { kNone, kFirstValue };
  Semaphore(int64_t value, Options options, Bound bound);

  friend internal::HandleAccess;
  explicit Semaphore(internal::Ref ref) : ref_(std::move(ref)) {}

 private:
  internal::Ref ref_;
};

// "<Semaphore(value=2)>", "<BoundedSemaphore(value=2, maxvalue=3)>"
std::string repr(const Semaphore& semaphore);
std::ostream& operator<<(std::ostream& out, const Semaphore& semaphore);

template <>
struct Codec<Semaphore> : internal::HandleCodec<Semaphore, internal::Kind::kSemaphore> {};

}  // namespace mp

#endif  // MP_SEMAPHORE_H_
