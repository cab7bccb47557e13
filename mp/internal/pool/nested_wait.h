// mp/internal/pool/nested_wait.h
//
// NestedWait: which callbacks a callback of a pool makes while it waits for a result. Any that are to be made, since what it
// waits for may need them. But those may wait too, each inside the last one, and a stack is not without end: from kMost
// on it is first only the one of the very job that is waited for, and any other after a time, longer the deeper it is.
//
// Safety    The thread where callbacks run; one inside the other. With the lock of the queue, but for look().

#ifndef MP_INTERNAL_POOL_NESTED_WAIT_H_
#define MP_INTERNAL_POOL_NESTED_WAIT_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "mp/internal/os/clock.h"
#include "mp/internal/pool/call_queue.h"
#include "mp/internal/pool/job.h"

namespace mp::internal {

class NestedWait {
 public:
  NestedWait(Job& job, CallQueue& calls)
      : job_(job),
        calls_(calls),
        outer_(std::exchange(calls.waits_, &job)),
        patience_(++calls.depth_ <= kMost
                      ? Deadline::past()
                      : Deadline::after_ns((calls.depth_ - kMost) * kPatienceNs)) {}
  ~NestedWait() {
    --calls_.depth_;
    calls_.waits_ = outer_;
  }
  NestedWait(const NestedWait&) = delete;
  NestedWait& operator=(const NestedWait&) = delete;

  // Whether the first of the queue is to be made now. What is waited for is brought there.
  bool takes_first() {
    auto& called = calls_.jobs_;
    takes_any_ = patience_.passed();
    if (called.empty() || takes_any_) {
      return !called.empty();
    }
    // Or what its result is made of.
    std::shared_ptr<const Job> source;
    for (const Job* job = &job_; job != nullptr; source = job->source(), job = source.get()) {
      const auto at = std::find_if(called.begin(), called.end(),
                                   [job](const std::shared_ptr<Job>& c) { return c.get() == job; });
      if (at != called.end()) {
        std::swap(*at, called.front());
        return true;
      }
    }
    return false;
  }
  // When to look again at what takes_first() has passed over.
  Deadline look(Deadline deadline) const noexcept {
    return takes_any_ ? deadline : earlier(deadline, patience_);
  }

 private:
  static constexpr int kMost = 64;
  static constexpr int64_t kPatienceNs = 50'000'000;

  const Job& job_;
  CallQueue& calls_;
  Job* const outer_;
  const Deadline patience_;
  bool takes_any_ = false;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_NESTED_WAIT_H_
