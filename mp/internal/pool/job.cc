#include "mp/internal/pool/job.h"

#include <cstddef>
#include <deque>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/os/futex.h"
#include "mp/logging.h"

namespace mp::internal {
namespace {

// Neither the pool nor the job has anything to do with what a callback throws.
template <class... A>
void call_back(const std::function<void(A...)>& callback, A... a) {
  try {
    callback(a...);
  } catch (...) {
    get_logger().error(
        absl::StrCat("a callback of a pool failed: ", describe(std::current_exception())));
  }
}

// What is called after a job, in its order.
struct Round {
  explicit Round(std::forward_list<std::function<void()>> c)
      : calls(std::move(c)), next(calls.begin()) {}
  std::forward_list<std::function<void()>> calls;
  std::forward_list<std::function<void()>>::iterator next;
};

// Those of the jobs that are being finished in this thread, each after the call that finished it. Null: none, or a function of
// the user's runs in a call.
thread_local std::deque<Round>* t_rounds = nullptr;

// Makes the calls after a job that is done. In a call after another, they are made when that has returned: a chain of such jobs
// may be longer than any stack. Whatever a call has stays until all after it are made: it is what holds the job.
void call_after(std::forward_list<std::function<void()>> calls) {
  if (calls.empty()) {
    return;
  }
  if (t_rounds != nullptr) {
    t_rounds->emplace_back(std::move(calls));
    return;
  }
  std::deque<Round> rounds;
  rounds.emplace_back(std::move(calls));
  t_rounds = &rounds;
  const absl::Cleanup reset = [] { t_rounds = nullptr; };
  while (!rounds.empty()) {
    Round& last = rounds.back();
    if (last.next == last.calls.end()) {
      rounds.pop_back();
    } else {
      call_back(*last.next++);
    }
  }
}

}  // namespace

CallsAtOnce::CallsAtOnce() noexcept : rounds_(std::exchange(t_rounds, nullptr)) {}
CallsAtOnce::~CallsAtOnce() { t_rounds = static_cast<std::deque<Round>*>(rounds_); }

Job::Wishes& Job::wishes() {
  if (wishes_ == nullptr) {
    wishes_ = std::make_unique<Wishes>();
  }
  return *wishes_;
}

void Job::set_callbacks(std::function<void()> on_done,
                        std::function<void(uint64_t, uint64_t)> on_part) {
  has_callbacks_ = on_done != nullptr || on_part != nullptr;
  if (has_callbacks_) {
    wishes().on_done = std::move(on_done);
    wishes().on_part = std::move(on_part);
  }
}

void Job::set_limits(int64_t timeout_ns, int retries) {
  if (timeout_ns != 0 || retries != 0) {
    wishes().timeout_ns = timeout_ns;
    wishes().retries = retries;
  }
}

void Job::expect(uint64_t parts) noexcept {
  static std::atomic<uint32_t> crowds{0};
  parts_ = parts;
  left_.store(parts, std::memory_order_relaxed);
  if (parts > 1) {
    // Two are the same after 2^32 jobs only; 0 comes once in as many, and does no harm.
    crowd_ = crowds.fetch_add(1, std::memory_order_relaxed) + 1;
  }
}

void Job::changed() noexcept {
  changes.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0) {
    futex_wake(&changes, kWakeAll);
  }
}

void Job::sleep(uint32_t seen, Deadline deadline) noexcept {
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  futex_wait(&changes, seen, deadline);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

bool Job::deliver(uint64_t part, std::span<const std::byte> message, FdSource* fds) {
  try {
    take(part, message, fds);
  } catch (...) {
    return fail(part, std::current_exception());
  }
  return delivered();
}

bool Job::fail(uint64_t part, const std::exception_ptr& error) {
  take_error(part, error);
  return delivered();
}

bool Job::delivered() { return left_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

void Job::take_error(uint64_t, const std::exception_ptr& error) {
  std::lock_guard hold(mutex_);
  if (error_ == nullptr) {
    error_ = error;
  }
}

void Job::progressed() {
  if (tells_parts()) {
    call_back(wishes_->on_part, parts_done(), parts_);
  }
  changed();
}

void Job::finish() {
  if (finishing_.exchange(true, std::memory_order_relaxed)) {
    return;
  }
  if (tells_parts()) {
    call_back(wishes_->on_part, parts_done(), parts_);
  }
  if (wishes_ != nullptr && wishes_->on_done != nullptr) {
    call_back(std::exchange(wishes_->on_done, nullptr));
  }
  std::forward_list<std::function<void()>> next;
  {
    std::lock_guard hold(mutex_);
    done_.store(true, std::memory_order_release);
    next.swap(next_);
  }
  changed();
  next.reverse();
  call_after(std::move(next));
  crew_->finished(*this);
}

bool Job::finish_unobserved() {
  {
    std::lock_guard hold(mutex_);
    if (has_callbacks() || !next_.empty()) {
      return false;
    }
    done_.store(true, std::memory_order_release);
  }
  changed();
  crew_->finished(*this);
  return true;
}

void Job::when_done(std::function<void()> next) {
  // First: the crew does not count what it has finished.
  crew_->expect_call(*this);
  {
    std::lock_guard hold(mutex_);
    if (!done()) {
      next_.push_front(std::move(next));
      return;
    }
  }
  call_back(next);
}

void end_call(Job& job, absl::FunctionRef<void()> run) {
  bool complete = false;
  try {
    run();
    complete = job.delivered();
  } catch (...) {
    complete = job.fail(0, std::current_exception());
  }
  if (complete) {
    job.finish();
  }
  job.crew().wake();
}

}  // namespace mp::internal
