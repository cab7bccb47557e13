// mp/barrier.h
//
// Barrier: where a number of parties wait until all have come. Python: multiprocessing.Barrier.
//
//   void step(mp::Barrier all_done) { compute(); all_done.wait(); exchange(); ... }
//
//   mp::Barrier all_done(4);
//   for (int i = 0; i < 4; ++i) mp::Process(step, all_done).start();
//
// Handles    Copying a Barrier makes another handle to the same barrier and action.
// Safety     Any method, any thread, any process that holds a handle. A party is a call of wait().
// Ordering   What each party did before wait(), and the action, is visible to all after it.
// Blocking   wait(): until all have come; and until those of the round before the last have left.
//            The action runs inside the wait() of the one who comes last. abort() and reset() do
//            not wait.
// Cost       wait(): three atomic operations, and for one of them one more per party. The one who
//            comes last asks for each other whether it lives, a system call each, and wakes all
//            with one; who comes between wakes its neighbour. Shared: 112 bytes, and 32 per party.
// Death      Of a process inside wait() before all have come, or in the action: the barrier is
//            broken for all, within milliseconds; never later than the next look of anybody. Once
//            all have come and the action, if any, has returned, all pass, the dead too. Killed
//            after its arrival and before it told its neighbour, or between the end of a round and
//            its wake: a tenth of a second. A stopped party is waited for.
// Crossing   Any way, with its action, which is called as the mp::Function that it is.
// Python     There a killed party hangs all others, timeouts or not. A timeout counts while the
//            action runs, too. The error says why the barrier is broken.

#ifndef MP_BARRIER_H_
#define MP_BARRIER_H_

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mp/function.h"
#include "mp/internal/core/handle.h"
#include "mp/timeout.h"

namespace mp {

class Barrier {
 public:
  using Action = Function<void()>;

  // For `parties` calls of wait() at a time. `action` runs in one of them each time all have come,
  // before any returns. `timeout`: that of a wait() without one. Throws mp::ValueError "parties must
  // be >= 1", mp::MemoryError, mp::OSError.
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

  friend bool operator==(const Barrier& a, const Barrier& b) noexcept { return a.ref_ == b.ref_; }

 private:
  friend internal::HandleAccess;
  friend Codec<Barrier>;
  Barrier(internal::Ref ref, std::shared_ptr<const Action> action)
      : ref_(std::move(ref)), action_(std::move(action)) {}

  internal::Ref ref_;
  std::shared_ptr<const Action> action_;  // null: none
};

// "<multiprocessing.synchronize.Barrier at 0x1a40: waiters=0/2>", "...: broken>"
std::string repr(const Barrier& barrier);
std::ostream& operator<<(std::ostream& out, const Barrier& barrier);

template <>
struct Codec<Barrier> {
  static Encoder::Ref encode(Encoder& e, const Barrier& b);
  static Barrier decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_BARRIER_H_
