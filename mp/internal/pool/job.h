// mp/internal/pool/job.h
//
// Job: one call of a pool's user, of one part or many, from submit to its result. AsyncResult and the iterators of imap are
// handles to one.
//
// Locks   A job's mutex is the innermost. Nothing of the user's runs with it, but moves of its results.

#ifndef MP_INTERNAL_POOL_JOB_H_
#define MP_INTERNAL_POOL_JOB_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <forward_list>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "mp/internal/frame/reader.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/pool/crew.h"
#include "mp/internal/pool/linked_list.h"
#include "mp/internal/pool/pool_task.h"
#include "mp/internal/pool/small_mutex.h"

namespace mp::internal {

class Job {
 public:
  explicit Job(std::shared_ptr<Crew> crew) : crew_(std::move(crew)) {}
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // -- Who submits --

  // How many parts there will be; before the first is submitted. kOpen: nobody knows.
  static constexpr uint64_t kOpen = ~uint64_t{0} >> 1;
  void expect(uint64_t parts) noexcept;
  // The same of all parts, and of no other job's: nobody waits for a single one of them. 0: somebody may.
  uint32_t crowd() const noexcept { return wants_progress() ? 0 : crowd_; }

  // `on_done` is called once, where callbacks run, before anybody sees the job as done; `on_part` there after each part, with
  // how many are done and how many there are. Before the first is submitted; either may be null.
  void set_callbacks(std::function<void()> on_done,
                     std::function<void(uint64_t, uint64_t)> on_part);
  bool has_callbacks() const noexcept { return has_callbacks_; }
  bool tells_parts() const noexcept { return wishes_ != nullptr && wishes_->on_part != nullptr; }
  // Calls `next` after the job is done(), where callbacks run; or at once, here, if it is.
  void when_done(std::function<void()> next);
  // Before anybody else has it: what its result is made of, and is to be given up in its place.
  void set_source(std::weak_ptr<Job> source) { wishes().source = std::move(source); }
  std::shared_ptr<Job> source() const noexcept {
    return wishes_ != nullptr ? wishes_->source.lock() : nullptr;
  }
  // Before the first part is submitted. Of each part, from its start; 0: none. Further attempts at one whose worker died.
  void set_limits(int64_t timeout_ns, int retries);
  int64_t timeout_ns() const noexcept { return wishes_ != nullptr ? wishes_->timeout_ns : 0; }
  int retries() const noexcept { return wishes_ != nullptr ? wishes_->retries : 0; }

  // A Pool's, with its mutex: its tasks that wait for a worker, or have one.
  LinkedList<PoolTask, &PoolTask::of_job> tasks;

  // -- Who has results --

  // Result of `part` as its message, or an error. True when that was the last one: the caller then calls finish(),
  // where callbacks may run.
  [[nodiscard]] bool deliver(uint64_t part, std::span<const std::byte> message, FdSource* fds);
  [[nodiscard]] bool fail(uint64_t part, const std::exception_ptr& error);
  // The same, of a result that was put in place by the worker's thread.
  [[nodiscard]] bool delivered();
  // Only the first call does something.
  void finish();
  // The same if nothing is to be called; false: where callbacks run, finish() is to be called.
  [[nodiscard]] bool finish_unobserved();
  // After a part that was not the last one, of a job for which wants_progress().
  void progressed();
  bool wants_progress() const noexcept { return stream || tells_parts(); }
  bool stream = false;  // somebody waits for single parts

  // -- Who waits --

  // As Python calls what its user has of it.
  virtual const char* result_name() const { return "ApplyResult"; }
  // All parts have a result or an error; done() follows once callbacks have run.
  bool complete() const noexcept { return left_.load(std::memory_order_acquire) == 0; }
  enum class Counted : uint8_t { kNo, kYes, kOver };
  // The crew's: it knows that something is to be called.
  std::atomic<Counted> counted{Counted::kNo};

  bool done() const noexcept { return done_.load(std::memory_order_acquire); }
  bool wait(Deadline deadline) {
    return done() || crew_->wait(
                         *this, [this] { return done(); }, deadline);
  }
  // The first error that came; after done().
  const std::exception_ptr& error() const noexcept { return error_; }
  // Parts of which there is a result or an error.
  uint64_t parts_done() const noexcept { return parts_ - left_.load(std::memory_order_acquire); }
  Crew& crew() const noexcept { return *crew_; }
  const std::shared_ptr<Crew>& shared_crew() const noexcept { return crew_; }
  // Its results are of no use to anybody any more: parts that are not begun need not be.
  std::atomic<bool> abandoned{false};

  // Changes whenever something that a waiter may wait for has; the futex of who waits.
  std::atomic<uint32_t> changes{0};
  std::atomic<uint32_t> sleepers{0};
  void changed() noexcept;
  // Sleeps while `changes` is `seen`.
  void sleep(uint32_t seen, Deadline deadline) noexcept;

 protected:
  // Decodes; what it throws fails the part.
  virtual void take(uint64_t part, std::span<const std::byte> message, FdSource* fds) = 0;
  // A part that has failed. By default the first error is the job's.
  virtual void take_error(uint64_t part, const std::exception_ptr& error);

  SmallMutex mutex_;
  std::exception_ptr error_;

 private:
  // What few jobs have, so that many take little memory.
  struct Wishes {
    int64_t timeout_ns = 0;
    int retries = 0;
    std::function<void()> on_done;
    std::function<void(uint64_t, uint64_t)> on_part;
    std::weak_ptr<Job> source;
  };
  Wishes& wishes();

  const std::shared_ptr<Crew> crew_;
  std::unique_ptr<Wishes> wishes_;
  std::forward_list<std::function<void()>>
      next_;  // until it is done, the last one first; with mutex_
  uint64_t parts_ = 0;
  std::atomic<uint64_t> left_{0};
  uint32_t crowd_ = 0;
  bool has_callbacks_ = false;  // Wishes::on_done goes when it is called
  std::atomic<bool> finishing_{false};
  std::atomic<bool> done_{false};
};

// While a function of the user's runs that is called after a job: what is to be called after others is called as they end, since
// it may wait for that. Else it is called when the first has returned.
class CallsAtOnce {
 public:
  CallsAtOnce() noexcept;
  ~CallsAtOnce();
  CallsAtOnce(const CallsAtOnce&) = delete;
  CallsAtOnce& operator=(const CallsAtOnce&) = delete;

 private:
  void* const rounds_;
};

// Ends a job of one part, which no worker has: by `run`, or by what it throws.
void end_call(Job& job, absl::FunctionRef<void()> run);

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_JOB_H_
