// mp/pool_errors.h
//
// The errors of pools: WorkerDied, MaybeEncodingError, CancelledError.
//
//   try {
//     pool.apply(simulate, job);
//   } catch (const mp::WorkerDied& e) {
//     log("pid ", e.pid(), " ended with ", e.exitcode(), " in attempt ", e.attempt());
//   }
//
// Handles    Values.
// Safety     Throw, copy and catch them anywhere.
// Ordering   None of their own.
// Blocking   Never.
// Cost       A throw is microseconds.
// Death      WorkerDied is how a pool reports one.
// Crossing   As themselves, also out of pools inside tasks.
// Python     Pool waits for ever for the task of a worker that died: WorkerDied has no counterpart there.
//            MaybeEncodingError is multiprocessing.pool's, CancelledError concurrent.futures'.

#ifndef MP_POOL_ERRORS_H_
#define MP_POOL_ERRORS_H_

#include <cstdint>
#include <string>
#include <tuple>

#include "mp/errors.h"

namespace mp {

// A worker ended while it ran a task. The others and the pool go on; what it had not begun runs elsewhere.
class WorkerDied : public ProcessError {
 public:
  WorkerDied() : ProcessError("", "WorkerDied", absl::StatusCode::kAborted) {}
  WorkerDied(const std::string& what, std::string worker, int pid, int exitcode, uint64_t task,
             int attempt)
      : ProcessError(what, "WorkerDied", absl::StatusCode::kAborted),
        worker_(std::move(worker)),
        pid_(pid),
        exitcode_(exitcode),
        task_(task),
        attempt_(attempt) {}

  // "ForkServerPoolWorker-3"
  const std::string& worker() const noexcept { return worker_; }
  int pid() const noexcept { return pid_; }
  // What it returned to the system, or minus the signal that killed it, as Process::exitcode().
  int exitcode() const noexcept { return exitcode_; }
  // 0 if it was not killed.
  int signal() const noexcept { return exitcode_ < 0 ? -exitcode_ : 0; }
  // The task's number in its pool, from 1.
  uint64_t task() const noexcept { return task_; }
  // Which attempt at the task this was, from 1.
  int attempt() const noexcept { return attempt_; }

 private:
  std::string worker_;
  int pid_ = 0;
  int exitcode_ = 0;
  uint64_t task_ = 0;
  int attempt_ = 0;
};

// A task's result could not be sent to the pool's owner.
class MaybeEncodingError : public Error {
 public:
  MaybeEncodingError(std::string exc, std::string value)
      : Error("Error sending result: '" + value + "'. Reason: '" + exc + "'", "MaybeEncodingError",
              absl::StatusCode::kInvalidArgument),
        exc_(std::move(exc)),
        value_(std::move(value)) {}
  // The reason, and what could not be sent, as texts.
  const std::string& exc() const noexcept { return exc_; }
  const std::string& value() const noexcept { return value_; }

 private:
  std::string exc_;
  std::string value_;
};

// The task was cancelled, or its pool was terminated, before there was a result.
class CancelledError : public Error {
 public:
  explicit CancelledError(const std::string& what)
      : Error(what, "CancelledError", absl::StatusCode::kCancelled) {}
};

}  // namespace mp

#endif  // MP_POOL_ERRORS_H_
