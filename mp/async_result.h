// mp/async_result.h
//
// AsyncResult<R>: the result of a call that a pool runs, once it is there. Python: multiprocessing.pool.AsyncResult.
//
//   mp::AsyncResult<int> r = pool.apply_async(square, 7);
//   if (r.ready()) ...
//   std::cout << r.get(2.0);
//
// Handles    Copies are handles to the same result. Dropping them changes nothing: the call runs all the same.
// Safety     Any method, any thread.
// Ordering   What the task did in shared objects is visible after get(), wait() and ready() have said that it is done.
// Blocking   get() and wait() until the result is there or `timeout` is over. Meanwhile the thread reads results of the
//            pool's workers, of other calls too.
// Cost       A shared pointer.
// Death      A worker that dies makes get() throw mp::WorkerDied, or is not seen, if there are attempts left. A pool that is
//            terminated makes it throw mp::CancelledError.
// Crossing   Not: a result belongs to the process that has the pool.
// Python     wait() returns whether the result is there. get() copies what the task returned; of a temporary AsyncResult
//            that nobody else has, it moves it. cancel() is new.

#ifndef MP_ASYNC_RESULT_H_
#define MP_ASYNC_RESULT_H_

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "mp/internal/pool/typed_job.h"
#include "mp/pool_errors.h"
#include "mp/timeout.h"

namespace mp {

namespace internal {
// The job has no result before `timeout`: raises why.
[[noreturn]] void raise_no_result();
[[noreturn]] void raise_not_ready(const Job& job);
}  // namespace internal

template <class R>
class AsyncResult {
 public:
  using value_type = R;

  // Waits, and returns the result or throws the task's error. Throws mp::TimeoutError when `timeout` ran out first.
  R get(Timeout timeout = kForever) const& {
    await(timeout);
    if constexpr (!std::is_void_v<R>) {
      return job_->value();
    }
  }
  R get(Timeout timeout = kForever) && {
    await(timeout);
    if constexpr (!std::is_void_v<R>) {
      // Nobody else can ask again.
      return job_.use_count() == 1 ? std::move(const_cast<R&>(job_->value())) : R(job_->value());
    }
  }
  // Waits for the end of the call, whatever it is; false when `timeout` ran out first.
  bool wait(Timeout timeout = kForever) const {
    return job_->wait(internal::Deadline::after(timeout));
  }
  bool ready() const { return job_->wait(internal::Deadline::past()); }
  // Whether it returned without an error. Throws mp::ValueError when it is not ready.
  bool successful() const {
    if (!ready()) {
      internal::raise_not_ready(*job_);
    }
    return job_->error() == nullptr;
  }
  // The error that get() would throw; null if there is none. Throws mp::TimeoutError.
  std::exception_ptr exception(Timeout timeout = kForever) const {
    if (!wait(timeout)) {
      internal::raise_no_result();
    }
    return job_->error();
  }
  // Gives the call up: what has no result yet fails with mp::CancelledError. A worker that runs some of it is killed and
  // replaced; a thread of a ThreadPool goes on, and what it returns is not used.
  void cancel() const { job_->crew().cancel(*job_); }

  explicit AsyncResult(std::shared_ptr<internal::ResultJob<R>> job) : job_(std::move(job)) {}

 private:
  void await(Timeout timeout) const {
    if (!wait(timeout)) [[unlikely]] {
      internal::raise_no_result();
    }
    if (job_->error() != nullptr) [[unlikely]] {
      std::rethrow_exception(job_->error());
    }
  }

  std::shared_ptr<internal::ResultJob<R>> job_;
};

}  // namespace mp

#endif  // MP_ASYNC_RESULT_H_
