// mp/internal/pool/call_job.h
//
// CallJob: a job of one call. ResultJob: what is common to it and a MapJob.

#ifndef MP_INTERNAL_POOL_CALL_JOB_H_
#define MP_INTERNAL_POOL_CALL_JOB_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "mp/internal/frame/message.h"
#include "mp/internal/pool/job.h"

namespace mp::internal {

// What an AsyncResult<R> is a handle to. value(): after done(), without an error.
template <class R>
class ResultJob : public Job {
 public:
  using Job::Job;
  virtual const R& value() = 0;
};
template <>
class ResultJob<void> : public Job {
 public:
  using Job::Job;
};

// In a worker's thread: asked before a result is put in its place. This one says always that it may be.
struct AlwaysPut {
  bool operator()() const { return true; }
};

// One call.
template <class R>
class CallJob final : public ResultJob<R> {
 public:
  using ResultJob<R>::ResultJob;
  const R& value() override { return *value_; }
  // In a worker's thread.
  template <class Call, class May = AlwaysPut>
  void run(uint64_t, const Call& call, May may = {}) {
    R value = call();
    if (may()) {
      value_.emplace(std::move(value));
    }
  }

 private:
  void take(uint64_t, std::span<const std::byte> message, FdSource* fds) override {
    if constexpr (Shippable<R>) {  // else run() alone has put it there
      value_.emplace(decode_message<R>(message, fds));
    }
  }
  std::optional<R> value_;
};
template <>
class CallJob<void> final : public ResultJob<void> {
 public:
  using ResultJob<void>::ResultJob;
  template <class Call, class May = AlwaysPut>
  void run(uint64_t, const Call& call, May = {}) {
    call();
  }

 private:
  void take(uint64_t, std::span<const std::byte>, FdSource*) override {}
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_CALL_JOB_H_
