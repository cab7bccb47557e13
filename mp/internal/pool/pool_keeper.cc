// What a PoolCore's keeper does: it starts workers, notices their ends, replaces them, and keeps times.

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/pool/pool_core.h"
#include "mp/internal/pool/pool_seat.h"
#include "mp/internal/pool/post.h"
#include "mp/internal/pool/refusals.h"
#include "mp/pool_errors.h"

namespace mp::internal {
namespace {

// Workers that end before they are at work, one after the other, break a pool. Somebody who kills is given more time than
// an initializer that fails.
constexpr int kMostFailedStarts = 3;
constexpr int kMostKilledStarts = 100;
constexpr int kMostRefusedStarts = 30;  // by the system, while there is no worker
constexpr int64_t kStartPauseNs = 100'000'000;
// After an initializer that failed.
constexpr int64_t kFailurePauseNs = 10'000'000;
// How often the keeper looks at what has no descriptor: times of tasks, memory of workers.
constexpr int64_t kTimesNs = 10'000'000;
constexpr int64_t kMemoryNs = 500'000'000;
// How soon it notices a SIGINT that another thread got.
constexpr int kInterruptMs = 50;

std::string ended_as(int code) {
  if (code >= 0) {
    return absl::StrCat("ended with exit code ", code);
  }
  const char* name = sigabbrev_np(-code);
  return absl::StrCat("was killed by ", name != nullptr ? "SIG" : "signal ",
                      name != nullptr ? name : std::to_string(-code));
}

}  // namespace

void PoolCore::wake_keeper() noexcept {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t n = write(keeper_bell_.get(), &one, sizeof one);
}

void PoolCore::keeper() {
  if (plan_.drain_on_interrupt) {
    enter_interruptible();
  }
  keeping_ = true;
  keeping_.notify_all();
  int nap_ms = 0;
  auto rest = [&] {
    std::vector<pollfd> fds{{keeper_bell_.get(), POLLIN, 0}};
    {
      std::lock_guard hold(mutex_);
      for (const std::unique_ptr<Seat>& seat : seats_) {
        if (seat != nullptr) {
          fds.push_back({seat->pidfd.get(), POLLIN, 0});
        }
      }
    }
    if (plan_.drain_on_interrupt) {
      nap_ms = nap_ms < 0 ? kInterruptMs : std::min(nap_ms, kInterruptMs);
    }
    poll(fds.data(), fds.size(), nap_ms);
    if (!take_interrupt().ok()) {
      interrupted();
    }
  };
  auto go_on = [&] {
    try {
      if (!keep(&nap_ms)) {
        return false;
      }
      rest();
    } catch (...) {
      try {
        break_pool(std::current_exception());
      } catch (...) {
        // For want of memory. What has brought us here is thrown again, and this tried again.
      }
      poll(nullptr, 0, static_cast<int>(kTimesNs / 1'000'000));
    }
    return true;
  };
  while (go_on()) {
    uint64_t count;
    [[maybe_unused]] ssize_t n = read(keeper_bell_.get(), &count, sizeof count);
  }
  {
    std::lock_guard hold(lead_mutex_);
    stop_collector_ = true;
    stop_leading_.store(true, std::memory_order_relaxed);
    collector_bell_.notify_all();
  }
  ring_bell(*board_.object<Board>());
  collector_.join();
  if (plan_.drain_on_interrupt) {
    leave_interruptible();
  }
  std::lock_guard hold(end_mutex_);
  ended_ = true;
  ended_bell_.notify_all();
}

// What is to be done now; `nap_ms` is how long there is nothing else. False: all workers are gone, and no more shall come.
bool PoolCore::keep(int* nap_ms) {
  *nap_ms = -1;
  auto nap_until = [&](int64_t time) {
    const int ms = static_cast<int>(std::max<int64_t>(0, time - monotonic_ns()) / 1'000'000) + 1;
    *nap_ms = *nap_ms < 0 ? ms : std::min(*nap_ms, ms);
  };
  if (!planted(PoolBug::kBuriedFirst)) {
    // Before all that may throw.
    std::lock_guard hold(mutex_);
    if (state_ == State::kTerminate) {
      end_workers();
    }
  }
  bury_ended();
  if (plan_.memory_per_child != 0 && monotonic_ns() >= next_weighing_) {
    weigh();
    next_weighing_ = monotonic_ns() + kMemoryNs;
  }
  Failed failed(*this);
  std::unique_lock hold(mutex_);
  const bool watches = watched_ && monotonic_ns() >= next_watch_ && !planted(PoolBug::kUnwatched);
  if (watches) {
    hold.unlock();
    if (std::unique_lock reading(reading_, std::try_to_lock); reading.owns_lock()) {
      // Whose results nobody has read, is idle. Who reads results sleeps at a bell that their worker finds answered.
      if (collect() != 0) {
        ring_bell(*board_.object<Board>());
      }
    }
    hold.lock();
  }
  if (state_ == State::kTerminate) {
    const int64_t killing = end_workers();
    nap_until(monotonic_ns() < killing ? killing : monotonic_ns() + kTimesNs);
    return std::any_of(seats_.begin(), seats_.end(),
                       [](const std::unique_ptr<Seat>& seat) { return seat != nullptr; });
  }
  if (state_ == State::kClose && tasks_ == 0 && streams_ == 0) {
    bool any = false;
    for (const std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr) {
        any = true;
        dismiss(*seat);
      }
    }
    if (leaves_refused()) {
      nap_until(monotonic_ns() + kTimesNs);
    }
    return any;
  }
  int living = 0;
  for (size_t i = 0; i < seats_.size(); ++i) {
    if (seats_[i] == nullptr) {
      continue;
    }
    if (static_cast<int>(i) >= wanted_) {
      dismiss(*seats_[i]);
    } else {
      ++living;
    }
  }
  if (plan_.memory_per_child != 0) {
    nap_until(next_weighing_);
  }
  if (living < wanted_ && broken_ == nullptr) {
    if (monotonic_ns() >= next_start_ && !planted(PoolBug::kNobodyTakesItsPlace)) {
      hold.unlock();
      fill();
      hold.lock();
    }
    if (monotonic_ns() < next_start_) {
      nap_until(next_start_);
    }
  }
  if (timed_ != 0) {
    check_times();
    feed(&failed);
  }
  if (timed_ != 0 || leaves_refused()) {
    nap_until(monotonic_ns() + kTimesNs);
  }
  if (watches) {
    // Once more after the first time, so that it is not woken for each task.
    const bool first = next_watch_ == 0;
    watched_ = watch(&failed) || first;
    next_watch_ = watched_ ? monotonic_ns() + g_pool_circumstances.slice_ns : 0;
  }
  if (watched_) {
    nap_until(next_watch_);
  }
  hold.unlock();
  fail(&failed);
  return true;
}

void PoolCore::bury_ended() {
  std::vector<int> sentinels;
  std::vector<Seat*> seats;
  {
    std::lock_guard hold(mutex_);
    for (const std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr) {
        sentinels.push_back(seat->pidfd.get());
        seats.push_back(seat.get());
      }
    }
  }
  if (!sentinels.empty() && !planted(PoolBug::kDeathUnnoticed)) {
    for (size_t i : poll_ends(sentinels)) {
      bury(*seats[i]);
    }
  }
}

// Dismisses workers that have grown by more than they may.
void PoolCore::weigh() {
  // Who has run nothing has not grown by it: another would be as large.
  std::vector<Seat*> at_work;
  {
    std::lock_guard hold(mutex_);
    for (const std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr && seat->answered != 0) {
        at_work.push_back(seat.get());
      }
    }
  }
  // They stay: who removes a seat is this thread.
  std::erase_if(at_work, [this](Seat* seat) {
    const uint64_t base = planted(PoolBug::kInheritedCounts)
                              ? 0
                              : seat->desk.book().base_bytes.load(std::memory_order_relaxed);
    const uint64_t now = private_bytes(seat->pid);
    return now <= base || now - base <= plan_.memory_per_child;
  });
  std::lock_guard hold(mutex_);
  for (Seat* seat : at_work) {
    dismiss(*seat);
  }
}

// A SIGINT has come. The first: what was begun is done, all else is not. The second: nor is that.
void PoolCore::interrupted() {
  const std::exception_ptr error = std::make_exception_ptr(KeyboardInterrupt(""));
  Failed failed(*this);
  bool again;
  {
    std::lock_guard hold(mutex_);
    again = std::exchange(draining_, true);
    broken_ = error;
    if (again) {
      state_ = State::kTerminate;
      kill_at_ = monotonic_ns();
    }
    for (const std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr) {
        take_back_some(*seat, kWindow);
      }
    }
    fail_pending(error, &failed);
  }
  fail(&failed);
  if (again) {
    fail_all(error, std::unique_lock(mutex_));
  }
}

// With mutex_: the worker leaves when it has done what it has.
void PoolCore::dismiss(Seat& seat) {
  if (!seat.dismissed) {
    seat.closed = true;
    if (g_pool_circumstances.refused_leaves.load(std::memory_order_relaxed) > 0 &&
        g_pool_circumstances.refused_leaves.fetch_sub(1) > 0) {
      seat.dismissed = planted(PoolBug::kAskedToLeaveOnce);
      return;
    }
    seat.dismissed = post(seat.desk.tasks, {0, 0, kLeave}, {}).ok();
  }
}

// With mutex_: there was no memory for a message that asks a worker to leave. It is asked again.
bool PoolCore::leaves_refused() const {
  return std::any_of(seats_.begin(), seats_.end(), [](const std::unique_ptr<Seat>& seat) {
    return seat != nullptr && seat->closed && !seat->dismissed && seat->verdict.ticket == 0;
  });
}

// With mutex_, after terminate(): tells the workers to end, and kills them when their time is over; that is returned. Nothing
// is thrown.
int64_t PoolCore::end_workers() {
  const int64_t now = monotonic_ns();
  if (kill_at_ == 0) {
    kill_at_ = now + kGraceNs;
  }
  for (const std::unique_ptr<Seat>& seat : seats_) {
    if (seat == nullptr) {
      continue;
    }
    if (now >= kill_at_ && !planted(PoolBug::kMercy)) {
      seat->signal(SIGKILL);
    } else if (!std::exchange(seat->told, true)) {
      seat->signal(SIGTERM);
    }
  }
  return kill_at_;
}

// Starts workers in the empty seats.
void PoolCore::fill() {
  for (uint32_t i = 0;; ++i) {
    {
      std::lock_guard hold(mutex_);
      if (static_cast<int>(i) >= wanted_ || state_ == State::kTerminate) {
        return;
      }
      if (seats_.size() <= i) {
        seats_.resize(i + 1);
        most_seats_.store(std::max<size_t>(most_seats_.load(std::memory_order_relaxed), i + 1),
                          std::memory_order_relaxed);
      }
      if (seats_[i] != nullptr) {
        continue;
      }
    }
    std::unique_ptr<Seat> seat;
    try {
      seat = make_seat(i);
    } catch (...) {
      // There is no room for one now: later, unless there is nobody to wait for.
      bool alone = true;
      std::exception_ptr error = std::current_exception();
      {
        std::lock_guard hold(mutex_);
        next_start_ = monotonic_ns() + kStartPauseNs;
        alone = ++refused_starts_ >= kMostRefusedStarts &&
                std::all_of(seats_.begin(), seats_.end(),
                            [](const std::unique_ptr<Seat>& s) { return s == nullptr; });
      }
      if (alone) {
        break_pool(error);
      }
      return;
    }
    Failed failed(*this);
    {
      std::lock_guard hold(mutex_);
      seats_[i] = std::move(seat);
      refused_starts_ = 0;
      feed(&failed);
      if (!planted(PoolBug::kNewcomersIdle)) {
        level(&failed);
      }
    }
    fail(&failed);
  }
}

// The worker of a seat has ended.
void PoolCore::bury(Seat& seat) {
  Failed failed(*this);
  std::exception_ptr broken;
  std::unique_ptr<Seat> gone;
  {
    std::lock_guard reading(reading_);
    if (!planted(PoolBug::kResultOfTheDeadLost)) {
      drain_dead(seat);
    }
    const int code = seat.reap();
    std::lock_guard hold(mutex_);
    std::vector<std::pair<uint64_t, uint32_t>> by_age;
    seat.used.each([&](uint32_t slot) { by_age.emplace_back(seat.slots[slot]->ticket, slot); });
    std::sort(by_age.rbegin(), by_age.rend());
    const std::exception_ptr ended_by_us = cancelled(kTerminated);
    for (auto [ticket, slot] : by_age) {
      const bool begun =
          seat.desk.book().tasks[slot].is_running(ticket) || planted(PoolBug::kAllIsBegun);
      const Task& t = *seat.slots[slot];
      const bool has_attempts = t.attempt <= t.job->retries();
      if (draining_ && (!begun || has_attempts)) {
        failed.add(end_task(seat, slot), broken_);
      } else if (!begun && planted(PoolBug::kUnbegunTasksLost)) {
        end_task(seat, slot).release();
      } else if (!begun || planted(PoolBug::kBegunTasksRunAgain)) {
        put_back(seat, slot);
      } else if (state_ == State::kTerminate || terminating_.load()) {
        failed.add(end_task(seat, slot), ended_by_us);
      } else if (seat.verdict.ticket == ticket) {
        failed.add(end_task(seat, slot), seat.verdict.error);
      } else if (has_attempts) {
        put_back(seat, slot);
        ++pending_.first()->attempt;
      } else {
        const std::exception_ptr died = std::make_exception_ptr(WorkerDied(
            absl::StrCat("mp: worker ", seat.name, " (pid ", seat.pid, ") ", ended_as(code),
                         " while it ran task ", ticket, " (attempt ", t.attempt, ")"),
            seat.name, seat.pid, code, ticket, t.attempt));
        failed.add(end_task(seat, slot), died);
      }
    }
    const bool at_work = seat.desk.book().phase.load(std::memory_order_acquire) == Ledger::kAtWork;
    bool gives_up = false;
    if (at_work) {
      failed_starts_ = killed_starts_ = 0;
    } else if (!seat.closed && state_ != State::kTerminate) {
      if (code == -SIGKILL) {
        gives_up = ++killed_starts_ >= kMostKilledStarts;
      } else {
        gives_up = ++failed_starts_ >= kMostFailedStarts;
        next_start_ = monotonic_ns() + kFailurePauseNs;
      }
    }
    if (gives_up) {
      broken =
          seat.failure != nullptr
              ? seat.failure
              : std::make_exception_ptr(WorkerDied(
                    absl::StrCat("mp: worker ", seat.name, " (pid ", seat.pid, ") ", ended_as(code),
                                 " before it took a task, as did ",
                                 code == -SIGKILL ? kMostKilledStarts - 1 : kMostFailedStarts - 1,
                                 " before it"),
                    seat.name, seat.pid, code, 0, 0));
    }
    for (std::unique_ptr<Seat>& s : seats_) {
      if (s.get() == &seat) {
        gone = std::move(s);
      }
    }
    while (!seats_.empty() && seats_.back() == nullptr &&
           static_cast<int>(seats_.size()) > wanted_) {
      seats_.pop_back();
    }
    feed(&failed);
    if (!planted(PoolBug::kNewcomersIdle)) {
      level(&failed);  // others may have become idle by the results that were read
    }
  }
  // Not closed: somebody may be waiting for it with a handle of workers().
  set_pidfd(seat.desk.number, -1);
  gone.reset();
  fail(&failed);
  if (broken != nullptr) {
    break_pool(broken);
  }
  // A callback that died with its job's last part, or a leader that waits for it.
  ring_bell(*board_.object<Board>());
}

// With mutex_: ends workers whose task takes too long.
void PoolCore::check_times() {
  const int64_t now = monotonic_ns();
  for (const std::unique_ptr<Seat>& seat : seats_) {
    if (seat == nullptr || seat->verdict.ticket != 0) {
      continue;
    }
    Task* task = seat->running();
    if (task == nullptr || task->job->timeout_ns() == 0) {
      continue;
    }
    // Of this task, or of a later one: then the worker has had less time.
    const int64_t began = seat->desk.book().began.load(std::memory_order_relaxed);
    if (now - began > task->job->timeout_ns()) {
      doom(*seat, task->ticket,
           std::make_exception_ptr(TimeoutError(
               absl::StrCat("mp: task ", task->ticket, " took longer than ",
                            static_cast<double>(task->job->timeout_ns()) / 1e9, " s"))));
    }
  }
}

void PoolCore::break_pool(const std::exception_ptr& error) {
  {
    std::lock_guard hold(mutex_);
    if (broken_ == nullptr) {
      broken_ = error;
    }
  }
  fail_all(error, std::unique_lock(mutex_));
}

}  // namespace mp::internal
