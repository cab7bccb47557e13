// mp/dummy/barrier.h
//
// Barrier: mp::Barrier between the threads of one process. Python: multiprocessing.dummy.Barrier.
//
//   mp::dummy::Barrier all_done(4, [] { std::puts("done"); });
//   // in four threads: all_done.wait();
//
// Handles    Copying a Barrier makes another handle to the same barrier; the last one frees it.
// Safety     Any method, any thread of this process. A party is a call of wait().
// Ordering   What each party did before wait(), and the action, is visible to all after it.
// Blocking   wait(), until all have come. The action runs inside the wait() of the one who comes
//            last.
// Cost       wait(): one mutex; the last one wakes all and allocates the next round.
// Death      A thread does not die alone. One that ends inside the action breaks the barrier.
// Crossing   To other threads, in any way. Not to other processes: mp::Barrier does that.
// Python     As mp::Barrier; the action may be any callable.

#ifndef MP_DUMMY_BARRIER_H_
#define MP_DUMMY_BARRIER_H_

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mp/timeout.h"

namespace mp::internal {
class ThreadBarrier;
}

namespace mp::dummy {

class Barrier {
 public:
  using Action = std::function<void()>;

  // For `parties` calls of wait() at a time. `action` runs in one of them each time all have come,
  // before any returns. `timeout`: that of a wait() without one. Throws mp::ValueError "parties must
  // be >= 1".
  explicit Barrier(int64_t parties, Action action = nullptr, Timeout timeout = kForever);

  // Waits until all have come, and returns the number of this arrival: 0 for the first, parties - 1
  // for the last. Throws mp::BrokenBarrierError when the barrier is broken, or breaks or is reset
  // meanwhile; it breaks when `timeout` runs out. What the action throws comes out of the wait()
  // that runs it, and breaks the barrier for the others.
  int wait() const;
  int wait(Timeout timeout) const;
  // The same, with the BrokenBarrierError as a value: kAborted.
  absl::StatusOr<int> try_wait() const;
  absl::StatusOr<int> try_wait(Timeout timeout) const;

  // Makes the barrier usable, whatever it was. Who waits gets mp::BrokenBarrierError.
  void reset() const;
  // Breaks it: who waits, and who comes, gets mp::BrokenBarrierError.
  void abort() const;

  // Whether it is broken; how many wait now. Snapshots.
  bool broken() const;
  int n_waiting() const;
  int parties() const noexcept;

  friend bool operator==(const Barrier& a, const Barrier& b) noexcept { return a.core_ == b.core_; }

 private:
  friend std::string repr(const Barrier& barrier);
  std::shared_ptr<internal::ThreadBarrier> core_;
  Timeout timeout_;
};

// "<threading.Barrier at 0x55d0a1b2c3d0: waiters=0/2>", "...: broken>"
std::string repr(const Barrier& barrier);
std::ostream& operator<<(std::ostream& out, const Barrier& barrier);

}  // namespace mp::dummy

#endif  // MP_DUMMY_BARRIER_H_
