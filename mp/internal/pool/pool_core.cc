#include "mp/internal/pool/pool_core.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/pool/pool_seat.h"
#include "mp/internal/pool/refusals.h"

namespace mp::internal {

// -- Beginning -----------------------------------------------------------------------------------

PoolCore::PoolCore(PoolPlan plan)
    : ProcessCrew(plan.processes),
      plan_(std::move(plan)),
      method_(plan_.context.method()),
      board_(Ref::create(Kind::kArray, sizeof(Board))),
      keeper_bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!keeper_bell_.valid()) {
    raise(os_error(errno, "mp: a pool's eventfd"));
  }
  seats_.resize(static_cast<size_t>(wanted_));
  most_seats_ = seats_.size();
}

PoolCore::~PoolCore() {
  // It has joined the collector, and may be who drops the last handle.
  if (keeper_.joinable()) {
    if (keeper_.get_id() == std::this_thread::get_id()) {
      keeper_.detach();
    } else {
      keeper_.join();
    }
  }
}

void PoolCore::check_size(int processes) {
  if (processes > static_cast<int>(kMostWorkers)) {
    raise(value_error(absl::StrCat("mp: a pool has at most ", kMostWorkers, " workers")));
  }
}

void PoolCore::set_pidfd(uint32_t number, int fd) {
  std::lock_guard hold(pidfds_mutex_);
  if (pidfds_.size() <= number) {
    pidfds_.resize(number + 1, -1);
  }
  pidfds_[number] = fd;
}

std::unique_ptr<PoolCore::Seat> PoolCore::make_seat(uint32_t number) {
  set_pidfd(number, -1);  // there is room
  auto seat = std::make_unique<Seat>(Desk::make(board_, number));
  WorkerPlan plan{seat->desk,   plan_.initializer, plan_.tasks_per_child,      pool_depth() + 1,
                  plan_.limits, plan_.log_here,    plan_.memory_per_child != 0};
  Process p({.daemon = false, .context = Context(method_)}, &worker_main, plan);
  seat->name = p.name();
  if (size_t at = seat->name.find("Process"); at != std::string::npos) {
    seat->name.replace(at, 7, "PoolWorker");
    p.set_name(seat->name);
  }
  p.start();
  seat->process = p;
  seat->pid = p.pid();
  seat->pidfd = UniqueFd(fcntl(p.sentinel(), F_DUPFD_CLOEXEC, 0));
  if (!seat->pidfd.valid()) {
    const int error = errno;
    p.kill();
    p.join();
    p.close();
    raise(os_error(error, "mp: a pool's worker"));
  }
  set_pidfd(number, seat->pidfd.get());
  return seat;
}

void PoolCore::start() {
  try {
    for (size_t i = 0; i < seats_.size(); ++i) {
      seats_[i] = make_seat(static_cast<uint32_t>(i));
    }
    collector_ = std::thread([self = shared_from_this()] { self->collector(); });
    collector_id_ = collector_.get_id();
    keeper_ = std::thread([self = shared_from_this()] { self->keeper(); });
    keeper_id_ = keeper_.get_id();
    keeping_.wait(false);  // it has its handler of SIGINT
  } catch (...) {
    if (collector_.joinable()) {
      {
        std::lock_guard hold(lead_mutex_);
        stop_collector_ = true;
      }
      collector_bell_.notify_all();
      collector_.join();
    }
    for (std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr) {
        seat->process->kill();
      }
    }
    for (std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr) {
        seat->process->join();
        seat->process->close();
      }
    }
    seats_.clear();
    throw;
  }
}

// -- Ending ---------------------------------------------------------------------------------------

void PoolCore::close() {
  {
    std::lock_guard hold(mutex_);
    if (state_ != State::kRun) {
      return;
    }
    state_ = State::kClose;
    closing_.store(true, std::memory_order_relaxed);
  }
  wake_keeper();
  wake_collector();
}

void PoolCore::kill_all() noexcept {
  if (planted(PoolBug::kMercy) || planted(PoolBug::kBuriedFirst)) {
    return;
  }
  std::lock_guard hold(pidfds_mutex_);
  for (int fd : pidfds_) {
    if (fd != -1) {
      signal_pidfd(fd, SIGKILL);
    }
  }
}

// A worker that a debugger or a freezer holds as it allocates shared memory keeps the whole family from it: who hands tasks over
// then waits with mutex_, and so does the keeper, which would kill it.
std::unique_lock<std::mutex> PoolCore::lock_to_end() {
  std::unique_lock hold(mutex_, std::try_to_lock);
  for (const Deadline grace = Deadline::after_ns(kGraceNs); !hold.owns_lock() && !grace.passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    (void)hold.try_lock();
  }
  if (!hold.owns_lock()) {
    kill_all();
    hold.lock();
  }
  return hold;
}

bool PoolCore::is_own_thread() const noexcept {
  const std::thread::id self = std::this_thread::get_id();
  return self == collector_id_ || self == keeper_id_;
}

void PoolCore::terminate() {
  terminating_.store(true);
  {
    std::unique_lock hold = lock_to_end();
    state_ = State::kTerminate;
  }
  wake_keeper();
  fail_all(cancelled(kTerminated), lock_to_end());
  if (!is_own_thread() && !await_end(Deadline::after_ns(2 * kGraceNs))) {
    kill_all();  // the keeper may wait for memory, too
    await_end(Deadline::never());
  }
}

bool PoolCore::await_end(Deadline deadline) {
  if (is_own_thread()) {
    refuse_own_join();
  }
  std::unique_lock hold(end_mutex_);
  while (!ended_) {
    if (deadline.passed()) {
      return false;
    }
    ended_bell_.wait_for(hold, std::chrono::milliseconds(deadline.is_never() ? 1000 : 5));
  }
  if (keeper_.joinable()) {
    keeper_.join();
  }
  return true;
}

void PoolCore::resize(int processes) {
  {
    std::lock_guard hold(mutex_);
    check_running();
    check_size(processes);
    wanted_ = processes;
    weigh_need();
  }
  wake_keeper();
  wake_collector();
}

std::vector<Process> PoolCore::workers() const {
  std::lock_guard hold(mutex_);
  std::vector<Process> all;
  for (const std::unique_ptr<Seat>& seat : seats_) {
    if (seat != nullptr) {
      all.push_back(*seat->process);
    }
  }
  return all;
}

}  // namespace mp::internal
