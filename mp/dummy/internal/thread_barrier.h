// mp/dummy/internal/thread_barrier.h
//
// ThreadBarrier: what mp::dummy::Barrier is behind its handles. Each round is an object of its own,
// which its parties keep: however late one of them wakes, it finds how its round ended.

#ifndef MP_DUMMY_INTERNAL_THREAD_BARRIER_H_
#define MP_DUMMY_INTERNAL_THREAD_BARRIER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "mp/internal/base/barrier_cause.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

class ThreadBarrier {
 public:
  ThreadBarrier(int parties, std::function<void()> action);

  // The number of this arrival; none when the round is broken, and why.
  std::optional<int> wait(Deadline deadline, BarrierCause* cause);
  void abort();
  void reset();

  bool broken() const;
  int waiting() const;
  int parties() const noexcept { return parties_; }

 private:
  struct Round;
  using Hold = std::unique_lock<std::mutex>;

  // All with mutex_ held.
  void end(Round& round, bool passed, BarrierCause cause);
  void break_off(BarrierCause cause);
  void act(Hold& hold, Round& round);

  const int parties_;
  const std::function<void()> action_;
  mutable std::mutex mutex_;
  // Guarded by it.
  std::shared_ptr<Round> round_;  // the current one
  BarrierCause broken_ = BarrierCause::kNone;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_BARRIER_H_
