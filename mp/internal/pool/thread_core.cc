#include "mp/internal/pool/thread_core.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "mp/internal/park/spin.h"
#include "mp/internal/pool/nested_wait.h"
#include "mp/internal/pool/refusals.h"
#include "mp/internal/sync/atomics.h"

namespace mp::internal {
namespace {
constexpr int kMostFailedStarts = 3;
}

ThreadPoolCore::ThreadPoolCore(ThreadPlan plan)
    : ThreadCrew(plan.processes), plan_(std::move(plan)) {}

ThreadPoolCore::~ThreadPoolCore() {
  // None uses it any more: this may be the last one's last act.
  ended_.push_back(std::move(caller_));
  std::move(threads_.begin(), threads_.end(), std::back_inserter(ended_));
  for (std::thread& thread : ended_) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else if (thread.joinable()) {
      thread.join();
    }
  }
}

void ThreadPoolCore::start() {
  try {
    std::lock_guard hold(mutex_);
    caller_ = std::thread([self = shared_from_this()] { self->callbacks(); });
    caller_id_ = caller_.get_id();
    add_workers();
  } catch (...) {
    if (!caller_.joinable()) {
      calls_.end();
    }
    terminate();
    throw;
  }
}

// With mutex_.
void ThreadPoolCore::add_workers() {
  while (living_ < wanted_ && broken_ == nullptr) {
    threads_.emplace_back([self = shared_from_this()] { self->worker(); });
    ++living_;
  }
}

void ThreadPoolCore::submit(const std::shared_ptr<Job>& job, uint64_t part,
                            std::function<void(MayPut)> run) {
  {
    std::lock_guard hold(mutex_);
    if (!job->stream || state_ != State::kClose || broken_ != nullptr) {
      check_running();
    }
    tasks_.push_back({job, part, std::move(run)});
  }
  work_.notify_one();
}

void ThreadPoolCore::done(Task task, const std::exception_ptr& error) {
  task.run = nullptr;  // what it holds goes before the caller goes on
  const bool complete = error != nullptr ? task.job->fail(task.part, error) : task.job->delivered();
  settle(task.job, complete);
}

bool ThreadPoolCore::call_later(const std::shared_ptr<Job>& job) {
  std::lock_guard hold(called_mutex_);
  if (!calls_.put(job)) {
    return false;
  }
  called_bell_.notify_all();
  return true;
}

void ThreadPoolCore::callbacks() {
  std::unique_lock hold(called_mutex_);
  for (;;) {
    called_bell_.wait(hold, [&] { return stop_calling_ || calls_.count() != 0; });
    if (calls_.count() == 0) {
      calls_.end();
      called_bell_.notify_all();
      return;
    }
    calls_.make_first(hold, [] {});
  }
}

// With mutex_.
bool ThreadPoolCore::is_own_thread() const {
  const std::thread::id self = std::this_thread::get_id();
  return self == caller_id_ ||
         std::any_of(threads_.begin(), threads_.end(),
                     [&](const std::thread& t) { return t.get_id() == self; });
}

bool ThreadPoolCore::claim(Run& run) {
  std::lock_guard hold(mutex_);
  return !std::exchange(run.claimed, true);
}

// Runs a task, unless nobody wants it any more.
void ThreadPoolCore::serve(Task task) {
  if (task.job->abandoned.load(std::memory_order_relaxed)) {
    done(std::move(task), cancelled(kCancelled));
    return;
  }
  Run run{&task};
  {
    std::lock_guard hold(mutex_);
    runs_.push_back(&run);
  }
  bool mine = false;
  bool asked = false;
  auto may_put = [&] {
    asked = true;
    return mine = claim(run);
  };
  std::exception_ptr error;
  try {
    task.run(may_put);
  } catch (...) {
    error = std::current_exception();
  }
  if (!asked) {
    mine = claim(run);
  }
  {
    std::lock_guard hold(mutex_);
    std::erase(runs_, &run);
  }
  if (mine) {
    done(std::move(task), error);
  }
}

void ThreadPoolCore::worker() {
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
  for (bool again = true; again;) {
    again = false;
    if (failure == nullptr) {
      serve_term(hold);
    }
    --living_;
    bool broken = failure != nullptr && failed_starts_ >= kMostFailedStarts;
    // Another in this one's place, if there is still something to do.
    if (!broken && (state_ == State::kRun ||
                    (state_ == State::kClose && (!tasks_.empty() || streams_ != 0)))) {
      try {
        add_workers();
      } catch (const std::exception&) {
        // No room for a thread now: the others do its work. If there are none, this one goes on, if it can.
        broken = living_ == 0 && failure != nullptr;
        again = living_ == 0 && failure == nullptr;
        living_ += again;
      }
    }
    if (broken) {
      broken_ = failure;
      lost = std::exchange(tasks_, {});
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

// With mutex_: takes tasks until the worker is to leave.
void ThreadPoolCore::serve_term(std::unique_lock<std::mutex>& hold) {
  uint64_t served = 0;
  while (state_ != State::kTerminate && living_ <= wanted_ &&
         (plan_.tasks_per_child == 0 || served < plan_.tasks_per_child)) {
    if (tasks_.empty()) {
      if (state_ == State::kClose && streams_ == 0) {
        return;
      }
      work_.wait(hold);
      continue;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    hold.unlock();
    serve(std::move(task));
    ++served;
    hold.lock();
  }
}

bool ThreadPoolCore::wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) {
  check_ours();
  // In a callback: what it waits for may have a callback itself.
  const bool calls = std::this_thread::get_id() == caller_id_;
  std::optional<NestedWait> nested;
  if (calls) {
    std::lock_guard hold(called_mutex_);
    nested.emplace(job, calls_);
  }
  bool there = false;
  for (;;) {
    const uint32_t seen = job.changes.load(std::memory_order_seq_cst);
    there = until();
    if (there) {
      break;
    }
    if (calls) {
      std::unique_lock hold(called_mutex_);
      if (nested->takes_first()) {
        calls_.make_first(hold, [] {});
        continue;
      }
    }
    if (deadline.passed()) {
      break;
    }
    if (!spin<RealAtomics>(kWakeNs,
                           [&] { return job.changes.load(std::memory_order_relaxed) != seen; })) {
      job.sleep(seen, calls ? nested->look(deadline) : deadline);
    }
  }
  if (calls) {
    std::lock_guard hold(called_mutex_);
    nested.reset();
  }
  return there;
}

void ThreadPoolCore::give_back(Job& job, bool begun_too) {
  std::vector<Task> taken;
  {
    std::lock_guard hold(mutex_);
    auto of_job = [&](const Task& task) { return task.job.get() == &job; };
    // First, since it may find no memory.
    taken.reserve(static_cast<size_t>(std::count_if(tasks_.begin(), tasks_.end(), of_job)) +
                  runs_.size());
    auto kept = tasks_.begin();
    for (auto task = tasks_.begin(); task != tasks_.end(); ++task) {
      if (of_job(*task)) {
        taken.push_back(std::move(*task));
      } else if (kept++ != task) {
        *std::prev(kept) = std::move(*task);
      }
    }
    tasks_.erase(kept, tasks_.end());
    for (Run* run : runs_) {
      if (begun_too && run->task->job.get() == &job && !std::exchange(run->claimed, true)) {
        taken.push_back({run->task->job, run->task->part, nullptr});
      }
    }
  }
  for (Task& task : taken) {
    done(std::move(task), cancelled(kCancelled));
  }
}

void ThreadPoolCore::close() {
  std::lock_guard hold(mutex_);
  if (state_ == State::kRun) {
    state_ = State::kClose;
  }
  work_.notify_all();
}

void ThreadPoolCore::terminate() {
  bool own;
  {
    std::unique_lock hold(mutex_);
    own = is_own_thread();
    state_ = State::kTerminate;
    work_.notify_all();
    // One by one: another deque would need memory.
    while (!tasks_.empty()) {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      hold.unlock();
      done(std::move(task), cancelled(kTerminated));
      hold.lock();
    }
  }
  if (!own) {
    end(Deadline::never());
    return;
  }
  // Nobody may join it: it ends its callbacks when they are made.
  std::lock_guard hold(called_mutex_);
  stop_calling_ = true;
  called_bell_.notify_all();
}

bool ThreadPoolCore::await_end(Deadline deadline) {
  {
    std::lock_guard hold(mutex_);
    if (is_own_thread()) {
      refuse_own_join();
    }
  }
  return end(deadline);
}

bool ThreadPoolCore::end(Deadline deadline) {
  const auto look = std::chrono::milliseconds(deadline.is_never() ? 1000 : 5);
  {
    std::unique_lock hold(mutex_);
    while (living_ > 0) {
      if (deadline.passed()) {
        return false;
      }
      gone_.wait_for(hold, look);
    }
  }
  {
    std::unique_lock hold(called_mutex_);
    stop_calling_ = true;
    called_bell_.notify_all();
    while (!calls_.ended()) {
      if (deadline.passed()) {
        return false;
      }
      called_bell_.wait_for(hold, look);
    }
  }
  // They have ended, or are about to. One by one: a list of all would need memory.
  std::unique_lock hold(mutex_);
  auto join = [&](std::thread thread) {
    hold.unlock();
    thread.join();
    hold.lock();
  };
  for (std::vector<std::thread>* threads : {&threads_, &ended_}) {
    while (!threads->empty()) {
      std::thread thread = std::move(threads->back());
      threads->pop_back();
      join(std::move(thread));
    }
  }
  if (caller_.joinable()) {
    join(std::move(caller_));
  }
  return true;
}

void ThreadPoolCore::resize(int processes) {
  std::lock_guard hold(mutex_);
  check_running();
  wanted_ = processes;
  add_workers();
  work_.notify_all();
}

}  // namespace mp::internal
