// How results come back to a PoolCore: who reads them, and who waits.

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <new>
#include <optional>

#include "mp/errors.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/receive.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/park/event.h"
#include "mp/internal/pool/nested_wait.h"
#include "mp/internal/pool/pool_core.h"
#include "mp/internal/pool/pool_seat.h"
#include "mp/internal/shm/family.h"
#include "mp/logging.h"

namespace mp::internal {
namespace {

// How long nobody may have led before the collector does it for balance alone.
constexpr auto kBalance = std::chrono::milliseconds(2);
// How soon it is looked at then; each time that it is in vain, half as often.
constexpr int64_t kCloggedNs = 2'000'000;

// The exception that a message is.
std::exception_ptr error_of(std::span<const std::byte> message, FdSource* fds) {
  try {
    return decode_message<std::exception_ptr>(message, fds);
  } catch (...) {
    return std::current_exception();  // its own codec failed
  }
}

// Says here what a worker has logged. A record that cannot be read, for want of memory, is not said.
void hand_on_log(std::span<const std::byte> message) {
  try {
    const auto [severity, text, process, pid, file, line] = decode_message<Logged>(message);
    hand_on({severity, text, process, pid, file.c_str(), line});
  } catch (...) {
  }
}

}  // namespace

// -- Results --------------------------------------------------------------------------------------

bool PoolCore::call_later(const std::shared_ptr<Job>& job) {
  std::lock_guard hold(lead_mutex_);
  if (!calls_.put(job)) {
    return false;
  }
  collector_bell_.notify_one();
  if (!planted(PoolBug::kCallsUntold)) {
    ring_bell(*board_.object<Board>());  // it may be reading results
  }
  return true;
}

// True: it was not counted, and is now.
bool PoolCore::count(Job& job) {
  // Before it says so: who finishes it may take it off at once.
  callback_jobs_.fetch_add(1, std::memory_order_relaxed);
  Job::Counted no = Job::Counted::kNo;
  if (job.counted.compare_exchange_strong(no, Job::Counted::kYes, std::memory_order_acq_rel)) {
    return true;
  }
  callback_jobs_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void PoolCore::expect_call(Job& job) {
  check_ours();
  if (count(job)) {
    wake_collector();
  }
}

void PoolCore::finished(Job& job) {
  if (job.counted.exchange(Job::Counted::kOver, std::memory_order_acq_rel) == Job::Counted::kYes) {
    callback_jobs_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void PoolCore::wake() { ring_bell(*board_.object<Board>()); }

void PoolCore::Failed::add(std::unique_ptr<Task> task, const std::exception_ptr& error) noexcept {
  core_.forget(*task);
  task->job->tasks.erase(task.get());
  task->error = error;
  tasks_.push_back(task.release());
}

std::unique_ptr<PoolTask> PoolCore::Failed::take() noexcept {
  std::unique_ptr<Task> task(tasks_.first());
  if (task != nullptr) {
    tasks_.erase(task.get());
  }
  return task;
}

void PoolCore::fail(Failed* failed) {
  bool any = false;
  while (std::unique_ptr<Task> task = failed->take()) {
    any = true;
    settle(task->job, task->job->fail(task->part, task->error));
  }
  if (any) {
    ring_bell(*board_.object<Board>());
  }
}

// Reads and delivers some results of a worker; 0: there are none.
size_t PoolCore::read_some(Seat& seat) {
  ChannelReader<> reader(seat.channel);
  if (!reader.open(Deadline::past()).ok()) {
    return 0;
  }
  struct Post {
    PostHeader header;
    std::span<const std::byte> message;
    std::unique_ptr<Task> task;
  };
  Post posts[kBatch];
  size_t n = 0;
  Received received;
  bool carries = reader.carries();
  auto take = [&](std::span<const std::byte> message) {
    std::memcpy(&posts[n].header, message.data(), sizeof(PostHeader));
    posts[n].message = message.subspan(sizeof(PostHeader));
    ++n;
  };
  std::exception_ptr lost;
  if (carries) {
    try {
      receive(reader, received);
      take(received.bytes());
      received.fetch_fds();
    } catch (const Error&) {
      lost = std::current_exception();
    }
  } else {
    take(reader.message());
    while (n < kBatch && reader.next()) {
      if (reader.carries()) {
        reader.back();
        break;
      }
      take(reader.message());
    }
  }
  {
    std::lock_guard hold(mutex_);
    for (size_t i = 0; i < n; ++i) {
      const PostHeader& h = posts[i].header;
      if (h.what != kNotReady && h.what != kLog && seat.slots[h.slot] != nullptr &&
          seat.slots[h.slot]->ticket == h.ticket) {
        posts[i].task = end_task(seat, h.slot);
        ++seat.answered;
        posts[i].task->job->tasks.erase(posts[i].task.get());
        forget(*posts[i].task);
      }
    }
  }
  for (size_t i = 0; i < n; ++i) {
    Post& p = posts[i];
    if (p.header.what == kNotReady) {
      seat.failure = error_of(p.message, carries ? &received : nullptr);
    } else if (p.header.what == kLog) {
      hand_on_log(p.message);
    } else if (p.task != nullptr) {
      Job& job = *p.task->job;
      bool complete;
      if (lost != nullptr) {
        complete = job.fail(p.task->part, lost);
      } else if (p.header.what == kResult) {
        complete = job.deliver(p.task->part, p.message, carries ? &received : nullptr);
      } else {
        complete = job.fail(p.task->part, error_of(p.message, carries ? &received : nullptr));
      }
      settle(p.task->job, complete);
    }
  }
  if (!carries) {
    reader.commit();
  }
  return n;
}

size_t PoolCore::drain(Seat& seat) {
  size_t n = 0;
  while (size_t some = read_some(seat)) {
    n += some;
  }
  return n;
}

// What cannot be read is tried again later, unless all is over: then nothing must keep its worker from being buried.
void PoolCore::drain_dead(Seat& seat) {
  try {
    if (g_pool_circumstances.unreadable.load(std::memory_order_relaxed)) {
      throw std::bad_alloc();
    }
    drain(seat);
  } catch (...) {
    std::lock_guard hold(mutex_);
    if (state_ != State::kTerminate || planted(PoolBug::kBuriedFirst)) {
      throw;
    }
  }
}

// Reads what there is of everybody's, and hands over what waits.
size_t PoolCore::collect() {
  Board& board = *board_.object<Board>();
  size_t n = 0;
  for (size_t w = 0; w < kMostWorkers / 64; ++w) {
    if (w != 0 && w * 64 >= most_seats_.load(std::memory_order_relaxed)) {
      break;
    }
    if (board.ready[w].load(std::memory_order_relaxed) == 0) {
      continue;
    }
    // sync: pool-ready: cleared before the rings are read.
    uint64_t bits = board.ready[w].exchange(0, std::memory_order_seq_cst);
    for (; bits != 0; bits &= bits - 1) {
      size_t number = w * 64 + static_cast<size_t>(std::countr_zero(bits));
      Seat* seat = nullptr;
      {
        std::lock_guard hold(mutex_);
        seat = number < seats_.size() ? seats_[number].get() : nullptr;
      }
      // It stays: who removes a seat has reading_.
      if (seat != nullptr) {
        n += drain(*seat);
      }
    }
  }
  if (n != 0) {
    Failed failed(*this);
    {
      std::lock_guard hold(mutex_);
      feed(&failed);
      level(&failed);
    }
    fail(&failed);
  }
  return n;
}

// -- Waiting --------------------------------------------------------------------------------------

void PoolCore::lead(absl::FunctionRef<bool()> until, Deadline deadline) {
  Board& board = *board_.object<Board>();
  const size_t seats_then = most_seats_.load(std::memory_order_relaxed);
  auto ready = [&] {
    // Each time: the pool may grow meanwhile.
    const size_t seats = planted(PoolBug::kLateWorkersUnseen)
                             ? seats_then
                             : most_seats_.load(std::memory_order_relaxed);
    const size_t words = (seats + 63) / 64;
    for (size_t w = 0; w < words; ++w) {
      if (board.ready[w].load(std::memory_order_seq_cst) != 0) {
        return true;
      }
    }
    return until();
  };
  int64_t patience_ns = kCloggedNs;
  while (!until()) {
    size_t n;
    {
      std::lock_guard hold(reading_);
      n = collect();
    }
    if (n != 0) {
      patience_ns = kCloggedNs;
      continue;
    }
    if (deadline.passed()) {
      return;
    }
    const int64_t slice_ns = g_pool_circumstances.slice_ns;
    const bool clogged = patience_ns < slice_ns && clogged_.load(std::memory_order_relaxed) &&
                         pending_count_.load(std::memory_order_relaxed) != 0;
    Deadline slice = Deadline::after_ns(clogged ? patience_ns : slice_ns);
    if (!await(board.bell, earlier(slice, deadline), *Family::current(), kWakeNs, ready) &&
        !deadline.passed()) {
      unstick(!clogged);
      if (clogged) {
        patience_ns *= 2;
      }
    }
  }
}

bool PoolCore::needed() const noexcept {
  return needed_at_once() || pending_count_.load(std::memory_order_relaxed) != 0;
}

bool PoolCore::needed_at_once() const noexcept {
  return callback_jobs_.load(std::memory_order_relaxed) != 0 || plan_.log_here ||
         closing_.load(std::memory_order_relaxed);
}

// With lead_mutex_.
void PoolCore::stop_leading(bool comes_back) {
  led_ = false;
  ++leads_;
  pass_lead(comes_back);
}

// With lead_mutex_, while nobody leads: asks somebody to. Who comes back, as the reader of a stream does, is the next to lead,
// sooner than the collector wakes; should that take long, the collector sees to the balance.
void PoolCore::pass_lead(bool comes_back) {
  if (!followers_.empty()) {
    followers_.back()->changed();
  } else if (comes_back && weak_need_.load(std::memory_order_relaxed) ? needed_at_once()
                                                                      : needed()) {
    collector_bell_.notify_one();
  }
}

bool PoolCore::wait(Job& job, absl::FunctionRef<bool()> until, Deadline deadline) {
  check_ours();
  if (until()) {
    return true;
  }
  const bool collects = std::this_thread::get_id() == collector_id_;
  std::unique_lock hold(lead_mutex_);
  // In a callback: what it waits for may have a callback itself.
  std::optional<NestedWait> nested;
  if (collects) {
    nested.emplace(job, calls_);
  }
  bool followed = false;
  for (bool first = true;; first = false) {
    const uint32_t seen = job.changes.load(std::memory_order_seq_cst);
    const bool there = until();
    if (!there && collects && nested->takes_first() && !planted(PoolBug::kCallsOneByOne)) {
      make_call(hold);
      continue;
    }
    if (there || (!first && deadline.passed())) {
      // Who stopped leading may have asked this thread to, which does not wait any more.
      if (followed && !led_ && !planted(PoolBug::kAskedKeepsQuiet)) {
        pass_lead(job.stream);
      }
      return there;
    }
    followed = led_;
    if (!led_) {
      led_ = true;
      // Those that wait longer, as it is inside of too many others.
      const uint64_t passed_over = calls_.count();
      hold.unlock();
      lead([&] { return until() || (collects && calls_.count() != passed_over); },
           collects ? nested->look(deadline) : deadline);
      hold.lock();
      stop_leading(job.stream);
      continue;
    }
    followers_.push_back(&job);
    if (collector_leads_) {
      follower_waits_.store(true, std::memory_order_relaxed);
      ring_bell(*board_.object<Board>());
    }
    hold.unlock();
    if (!deadline.is_past_by_construction()) {
      job.sleep(seen, collects ? nested->look(deadline) : deadline);
    }
    hold.lock();
    followers_.erase(std::find(followers_.begin(), followers_.end(), &job));
  }
}

void PoolCore::wake_collector() {
  std::lock_guard hold(lead_mutex_);
  collector_bell_.notify_one();
}

// With lead_mutex_, in the collector.
void PoolCore::make_call(std::unique_lock<std::mutex>& hold) {
  calls_.make_first(hold, [this] { ring_bell(*board_.object<Board>()); });
}

void PoolCore::collector() {
  std::unique_lock hold(lead_mutex_);
  uint64_t leads = 0;
  for (;;) {
    auto called = [&] {
      return stop_collector_ || calls_.count() != 0 || (!led_ && followers_.empty() && needed());
    };
    bool balance = false;
    if (weak_need_.load(std::memory_order_relaxed)) {
      leads = leads_;
      balance = !collector_bell_.wait_for(hold, kBalance, called) && !led_ && leads == leads_;
      if (!balance && !called()) {
        continue;
      }
    } else {
      collector_rests_.store(true, std::memory_order_seq_cst);
      collector_bell_.wait(hold,
                           [&] { return called() || weak_need_.load(std::memory_order_seq_cst); });
      collector_rests_.store(false, std::memory_order_relaxed);
    }
    if (calls_.count() != 0) {
      make_call(hold);
      continue;
    }
    if (stop_collector_) {
      calls_.end();
      return;
    }
    if (led_ || !followers_.empty() || !(balance || needed())) {
      continue;
    }
    led_ = collector_leads_ = true;
    follower_waits_.store(false, std::memory_order_relaxed);
    hold.unlock();
    lead(
        [&] {
          return stop_leading_.load(std::memory_order_relaxed) || calls_.count() != 0 ||
                 // Whoever waits for a result is woken by its worker if it leads.
                 follower_waits_.load(std::memory_order_relaxed) ||
                 !(needed() || weak_need_.load(std::memory_order_relaxed));
        },
        Deadline::never());
    hold.lock();
    collector_leads_ = false;
    stop_leading(false);
  }
}

}  // namespace mp::internal
