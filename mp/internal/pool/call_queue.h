// mp/internal/pool/call_queue.h
//
// CallQueue: the jobs of a crew of which something is to be called, in the one thread where its callbacks run.
//
// Safety    With its owner's lock, but for count().

#ifndef MP_INTERNAL_POOL_CALL_QUEUE_H_
#define MP_INTERNAL_POOL_CALL_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/functional/function_ref.h"
#include "mp/internal/pool/job.h"

namespace mp::internal {

class CallQueue {
 public:
  // False: that thread has ended, and who has a callback makes it.
  bool put(std::shared_ptr<Job> job) {
    if (ended_) {
      return false;
    }
    jobs_.push_back(std::move(job));
    count_.fetch_add(1, std::memory_order_relaxed);
    if (waits_ != nullptr) {
      waits_->changed();
    }
    return true;
  }
  uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

  // In that thread: makes the callbacks of the first, then calls `after`, both without the lock.
  void make_first(std::unique_lock<std::mutex>& hold, absl::FunctionRef<void()> after) {
    std::shared_ptr<Job> job = std::move(jobs_.front());
    jobs_.pop_front();
    count_.fetch_sub(1, std::memory_order_relaxed);
    hold.unlock();
    if (job->complete()) {
      job->finish();
    } else {
      job->progressed();
    }
    job.reset();
    after();
    hold.lock();
  }
  void end() noexcept { ended_ = true; }
  bool ended() const noexcept { return ended_; }

 private:
  friend class NestedWait;
  friend class CallQueuePeer;  // a test's

  std::deque<std::shared_ptr<Job>> jobs_;
  std::atomic<uint64_t> count_{0};
  Job* waits_ = nullptr;  // a callback waits for it
  int depth_ = 0;         // of such waits
  bool ended_ = false;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_CALL_QUEUE_H_
