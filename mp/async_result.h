// mp/async_result.h
//
// AsyncResult<R>: the result of a call that a pool runs, once it is there. Python: multiprocessing.pool.AsyncResult.
//
//   mp::AsyncResult<int> r = pool.apply_async(square, 7);
//   if (r.ready()) ...
//   std::cout << r.get(2.0);
//   mp::AsyncResult<std::string> text = r.then([](int n) { return std::to_string(n); });
//
// Handles    Copies are handles to the same result. Dropping them changes nothing: the call runs all the same. There is none
//            without a call: std::optional<AsyncResult<R>> is for one that comes later.
// Safety     Any method, any thread.
// Ordering   What the task did in shared objects is visible after get(), wait() and ready() have said that it is done.
// Blocking   get() and wait() until the result is there or `timeout` is over. Meanwhile the thread reads results of the
//            pool's workers, of other calls too.
// Cost       A shared pointer. cancel() of a Pool's looks at the tasks of its own call, and at each worker, however many others
//            wait; of a ThreadPool's at all that wait.
// Death      A worker that dies makes get() throw mp::WorkerDied, or is not seen, if there are attempts left. A pool that is
//            terminated makes it throw mp::CancelledError.
// Crossing   Not: a result belongs to the process that has the pool.
// Python     wait() returns whether the result is there. get() copies what the task returned; of a temporary AsyncResult
//            that nobody else has, it moves it. What cannot be copied it moves always, of a temporary only:
//            std::move(r).get(), once, and not of one that a then() waits for. then() and cancel() are new.

#ifndef MP_ASYNC_RESULT_H_
#define MP_ASYNC_RESULT_H_

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "mp/internal/os/clock.h"
#include "mp/internal/pool/call_job.h"
#include "mp/internal/pool/job.h"
#include "mp/pool_errors.h"
#include "mp/timeout.h"

namespace mp {

template <class R>
class AsyncResult;

namespace internal {
// The job has no result before `timeout`: raises why.
[[noreturn]] void raise_no_result();
[[noreturn]] void raise_not_ready(const Job& job);

// is_copy_constructible says so of a vector of what cannot be copied, too.
template <class R>
inline constexpr bool can_be_copied = std::is_copy_constructible_v<R>;
template <class R>
requires requires {
  typename R::allocator_type;
  typename R::value_type;
}
inline constexpr bool can_be_copied<R> =
    std::is_copy_constructible_v<R> && can_be_copied<typename R::value_type>;
template <>
inline constexpr bool can_be_copied<void> = true;

// What f(result) is, as the type of an AsyncResult.
template <class T>
struct Unwrapped {
  using type = T;
  static constexpr bool kWasResult = false;
};
template <class R>
struct Unwrapped<AsyncResult<R>> {
  using type = R;
  static constexpr bool kWasResult = true;
};
template <class F, class R>
struct NextOf {
  using type = std::decay_t<std::invoke_result_t<F&, const R&>>;
};
template <class F>
struct NextOf<F, void> {
  using type = std::decay_t<std::invoke_result_t<F&>>;
};
template <class F, class R>
using Next = Unwrapped<typename NextOf<F, R>::type>;

// f(from's value), of a job without an error.
template <class F, class R>
decltype(auto) call_next(F& f, ResultJob<R>& from) {
  CallsAtOnce inside;
  if constexpr (std::is_void_v<R>) {
    return f();
  } else {
    return f(from.value());
  }
}
}  // namespace internal

template <class R>
class AsyncResult {
 public:
  using value_type = R;

  // Waits, and returns the result or throws the task's error. Throws mp::TimeoutError when `timeout` ran out first.
  R get(Timeout timeout = kForever) const& {
    static_assert(internal::can_be_copied<R>,
                  "mp: this result cannot be copied, and get() would leave it where it is. Take it "
                  "out: std::move(result).get().");
    await(timeout);
    if constexpr (!std::is_void_v<R> && internal::can_be_copied<R>) {
      return job_->value();
    } else if constexpr (!std::is_void_v<R>) {
      internal::raise_no_result();  // so that the reason is the only thing the compiler says
    }
  }
  R get(Timeout timeout = kForever) && {
    await(timeout);
    if constexpr (!std::is_void_v<R>) {
      R& value = const_cast<R&>(job_->value());
      if constexpr (internal::can_be_copied<R>) {
        // Nobody else can ask again.
        return job_.use_count() == 1 ? std::move(value) : R(value);
      } else {
        return std::move(value);
      }
    }
  }
  // The result if it is there, without waiting; throws the task's error.
  std::optional<R> try_get() const requires(!std::is_void_v<R>) {
    return ready() ? std::optional<R>(get()) : std::nullopt;
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
  // replaced. A thread of a ThreadPool goes on, and what it returns is dropped.
  void cancel() const {
    std::shared_ptr<internal::Job> job = job_;
    while (std::shared_ptr<internal::Job> source = job->source()) {
      job = std::move(source);
    }
    job->crew().cancel(*job);
  }

  // The result of f(result), which is called when that is there, in the thread where callbacks run; or at once, in this one,
  // if it is there. An error is handed on, f not called; what f throws is the new one's error. f may return an AsyncResult
  // itself, of any pool: then what comes of that is the result. cancel() of the new one cancels this one.
  template <class F, class Next = internal::Next<std::decay_t<F>, R>>
  AsyncResult<typename Next::type> then(F&& f) const {
    using U = typename Next::type;
    auto next = std::make_shared<internal::CallJob<U>>(job_->shared_crew());
    next->expect(1);
    next->set_source(job_);
    auto call = std::make_shared<std::decay_t<F>>(std::forward<F>(f));
    job_->when_done([from = job_.get(), next, call] {
      if (from->error() != nullptr) {
        internal::end_call(*next, [&] { std::rethrow_exception(from->error()); });
        return;
      }
      if constexpr (Next::kWasResult) {
        std::optional<AsyncResult<U>> later;
        try {
          later.emplace(internal::call_next(*call, *from));
        } catch (...) {
          internal::end_call(*next, [] { throw; });
          return;
        }
        // Its job is alive when it calls.
        later->job_->when_done([from = later->job_.get(), next] {
          internal::end_call(*next, [&] {
            if (from->error() != nullptr) {
              std::rethrow_exception(from->error());
            }
            auto same = [](const auto&... value) { return (value, ...); };
            next->run(0, [&] { return internal::call_next(same, *from); });
          });
        });
      } else {
        internal::end_call(
            *next, [&] { next->run(0, [&] { return internal::call_next(*call, *from); }); });
      }
    });
    return AsyncResult<U>(std::move(next));
  }

  explicit AsyncResult(std::shared_ptr<internal::ResultJob<R>> job) : job_(std::move(job)) {}

 private:
  template <class>
  friend class AsyncResult;

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
