// mp/internal/pool/job_options.h
//
// How the options of a call reach its job.

#ifndef MP_INTERNAL_POOL_JOB_OPTIONS_H_
#define MP_INTERNAL_POOL_JOB_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include "mp/call_options.h"
#include "mp/internal/pool/job.h"
#include "mp/internal/pool/refusals.h"

namespace mp::internal {

template <class Options>
void set_limits(Job& job, const Options& options) {
  const int64_t timeout_ns = options.timeout.is_forever() ? 0 : options.timeout.nanoseconds();
  if (!options.timeout.is_forever() && timeout_ns <= 0) {
    refuse_timeout();
  }
  job.set_limits(timeout_ns, options.retries);
}
// Throws mp::ValueError for what makes no sense, and what these workers cannot do.
template <class Work, class Options>
void check_limits(const Options& options) {
  if (options.retries < 0) {
    refuse_retries(options.retries);
  }
  if (!Work::kEndsCalls && (!options.timeout.is_forever() || options.retries != 0)) {
    refuse_limits();
  }
}

// And what the user wants called.
template <class Job, class R>
void set_options(Job& job, CallOptions<R>& options) {
  set_limits(job, options);
  std::function<void()> on_done;
  if (options.callback || options.error_callback) {
    on_done = [&job, callback = std::move(options.callback),
               error_callback = std::move(options.error_callback)] {
      if (job.error() != nullptr) {
        if (error_callback) {
          error_callback(job.error());
        }
      } else if (callback) {
        if constexpr (std::is_void_v<R>) {
          callback();
        } else {
          callback(job.value());
        }
      }
    };
  }
  job.set_callbacks(std::move(on_done), std::move(options.progress));
}

// What a call gets that waits for its result itself.
template <class R>
CallOptions<R> full_options(const ApplyOptions& o) {
  CallOptions<R> options;
  options.timeout = o.timeout;
  options.retries = o.retries;
  return options;
}
template <class R>
CallOptions<R> full_options(MapOptions o) {
  CallOptions<R> options;
  options.chunksize = o.chunksize;
  options.progress = std::move(o.progress);
  options.timeout = o.timeout;
  options.retries = o.retries;
  return options;
}
template <class R>
CallOptions<R> full_options(CallOptions<R> options) {
  return options;
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_JOB_OPTIONS_H_
