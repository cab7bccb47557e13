#include "mp/internal/pool/thread_core.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "mp/errors.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/sync/atomics.h"
#include "mp/pool_errors.h"

namespace mp::internal {
namespace {
constexpr int kMostFailedStarts = 3;
}

ThreadCrew::ThreadCrew(ThreadPlan plan) : plan_(std::move(plan)), wanted_(plan_.processes) {}

ThreadCrew::~ThreadCrew() = default;

void ThreadCrew::start() {
  try {
    std::lock_guard hold(mutex_);
    add_workers();
  } catch (...) {
    terminate();
    throw;
  }
}

// With mutex_.
void ThreadCrew::add_workers() {
  while (living_ < wanted_ && broken_ == nullptr) {
    threads_.emplace_back([this] { worker(); });
    ++living_;
  }
}

// With mutex_.
void ThreadCrew::check_running() const {
  if (state_ != State::kRun) {
    raise(value_error("Pool not running"));
  }
  if (broken_ != nullptr) {
    std::rethrow_exception(broken_);
  }
}

void ThreadCrew::check_submit() const {
  std::lock_guard hold(mutex_);
  check_running();
}

void ThreadCrew::submit(const std::shared_ptr<Job>& job, uint64_t part, std::function<void()> run) {
  {
    std::lock_guard hold(mutex_);
    check_running();
    tasks_.push_back({job, part, std::move(run)});
  }
  work_.notify_one();
}

void ThreadCrew::done(Task task, const std::exception_ptr& error) {
  task.run = nullptr;  // what it holds goes before the caller goes on
  bool complete = error != nullptr ? task.job->fail(task.part, error) : task.job->delivered();
  if (complete) {
    task.job->finish();
  } else if (task.job->wants_progress()) {
    task.job->progressed();
  }
}

void ThreadCrew::worker() {
  std::exception_ptr failure;
  try {
    if (plan_.initializer) {
      plan_.initializer();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  std::deque<Task> lost;
  std::unique_lock hold(mutex_);
  failed_starts_ = failure != nullptr ? failed_starts_ + 1 : 0;
  uint64_t served = 0;
  while (failure == nullptr && state_ != State::kTerminate && living_ <= wanted_ &&
         (plan_.tasks_per_child == 0 || served < plan_.tasks_per_child)) {
    if (tasks_.empty()) {
      if (state_ == State::kClose) {
        break;
      }
      work_.wait(hold);
      continue;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    hold.unlock();
    if (task.job->abandoned.load(std::memory_order_relaxed)) {
      done(std::move(task), std::make_exception_ptr(CancelledError("the task was cancelled")));
    } else {
      std::exception_ptr error;
      try {
        task.run();
      } catch (...) {
        error = std::current_exception();
      }
      done(std::move(task), error);
    }
    ++served;
    hold.lock();
  }
  --living_;
  if (failure != nullptr && failed_starts_ >= kMostFailedStarts) {
    broken_ = failure;
    lost = std::exchange(tasks_, {});
  }
  // Another in this one's place, if there is still something to do.
  if (state_ == State::kRun || (state_ == State::kClose && !tasks_.empty())) {
    try {
      add_workers();
    } catch (const std::exception&) {
      // No room for a thread now: the others do its work.
    }
  }
  std::vector<std::thread> before = std::exchange(ended_, {});
  auto self = std::find_if(threads_.begin(), threads_.end(), [](const std::thread& t) {
    return t.get_id() == std::this_thread::get_id();
  });
  if (self != threads_.end()) {
    ended_.push_back(std::move(*self));
    threads_.erase(self);
  }
  gone_.notify_all();
  hold.unlock();
  for (std::thread& thread : before) {
    thread.join();
  }
  for (Task& task : lost) {
    done(std::move(task), failure);
  }
}

bool ThreadCrew::wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) {
  check_ours();
  for (;;) {
    uint32_t seen = job.changes.load(std::memory_order_seq_cst);
    if (until()) {
      return true;
    }
    if (deadline.passed()) {
      return false;
    }
    if (!spin<RealAtomics>(kWakeNs,
                           [&] { return job.changes.load(std::memory_order_relaxed) != seen; })) {
      job.sleep(seen, deadline);
    }
  }
}

void ThreadCrew::cancel(Job& job) {
  check_ours();
  std::deque<Task> cancelled;
  {
    std::lock_guard hold(mutex_);
    std::deque<Task> kept;
    for (Task& task : tasks_) {
      (task.job.get() == &job ? cancelled : kept).push_back(std::move(task));
    }
    tasks_ = std::move(kept);
  }
  for (Task& task : cancelled) {
    done(std::move(task), std::make_exception_ptr(CancelledError("the task was cancelled")));
  }
}

void ThreadCrew::give_up(const std::shared_ptr<Job>& job, uint64_t from, uint64_t to,
                         const std::exception_ptr& error) {
  for (; from < to; ++from) {
    done({job, from, nullptr}, error);
  }
}

void ThreadCrew::close() {
  std::lock_guard hold(mutex_);
  if (state_ == State::kRun) {
    state_ = State::kClose;
  }
  work_.notify_all();
}

void ThreadCrew::terminate() {
  std::deque<Task> lost;
  {
    std::lock_guard hold(mutex_);
    state_ = State::kTerminate;
    lost = std::exchange(tasks_, {});
    work_.notify_all();
  }
  for (Task& task : lost) {
    done(std::move(task), std::make_exception_ptr(
                              CancelledError("the pool was terminated before the task was done")));
  }
  join(Deadline::never());
}

bool ThreadCrew::join(Deadline deadline) {
  std::unique_lock hold(mutex_);
  while (living_ > 0) {
    if (deadline.passed()) {
      return false;
    }
    gone_.wait_for(hold, std::chrono::milliseconds(deadline.is_never() ? 1000 : 5));
  }
  std::vector<std::thread> threads = std::exchange(threads_, {});
  std::move(ended_.begin(), ended_.end(), std::back_inserter(threads));
  ended_.clear();
  hold.unlock();
  for (std::thread& thread : threads) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();  // a task or callback that ends its own pool
    } else {
      thread.join();
    }
  }
  return true;
}

void ThreadCrew::resize(int processes) {
  std::lock_guard hold(mutex_);
  check_running();
  wanted_ = processes;
  add_workers();
  work_.notify_all();
}

int ThreadCrew::size() const {
  std::lock_guard hold(mutex_);
  return wanted_;
}

ThreadCrew::State ThreadCrew::state() const {
  std::lock_guard hold(mutex_);
  return state_;
}

}  // namespace mp::internal
