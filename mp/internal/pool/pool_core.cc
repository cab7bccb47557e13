#include "mp/internal/pool/pool_core.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/receive.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/park/event.h"
#include "mp/internal/pool/pool_bug.h"
#include "mp/internal/pool/post.h"
#include "mp/internal/shm/family.h"
#include "mp/logging.h"
#include "mp/pool_errors.h"

namespace mp::internal {
namespace {

// Bytes of tasks from which a worker that has one gets no more.
constexpr size_t kWindowBytes = size_t{1} << 20;
// Workers that end before they are at work, one after the other, break a pool. Somebody who kills is given more time than
// an initializer that fails.
constexpr int kMostFailedStarts = 3;
constexpr int kMostKilledStarts = 100;
constexpr int kMostRefusedStarts = 30;  // by the system, while there is no worker
constexpr int64_t kStartPauseNs = 100'000'000;
// After an initializer that failed.
constexpr int64_t kFailurePauseNs = 10'000'000;
// From SIGTERM to SIGKILL.
constexpr int64_t kGraceNs = 500'000'000;
// How often the keeper looks at what has no descriptor: times of tasks, memory of workers.
constexpr int64_t kTimesNs = 10'000'000;
constexpr int64_t kMemoryNs = 500'000'000;
// How soon it notices a SIGINT that another thread got.
constexpr int kInterruptMs = 50;
// How long nobody may have led before the collector does it for balance alone.
constexpr auto kBalance = std::chrono::milliseconds(2);
constexpr size_t kBatch = 64;
// Messages that a worker has not read, and may have been taken back, from which it gets no more.
constexpr uint64_t kMostUnread = 2 * kWindow;
// How soon it is looked at then; each time that it is in vain, half as often.
constexpr int64_t kCloggedNs = 2'000'000;
constexpr char kTerminated[] = "the pool was terminated before the task was done";

std::exception_ptr cancelled(const char* why) {
  return std::make_exception_ptr(CancelledError(why));
}

std::exception_ptr exception_of(const absl::Status& status) {
  try {
    raise(status);
  } catch (...) {
    return std::current_exception();
  }
}

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

std::string ended_as(int code) {
  if (code >= 0) {
    return absl::StrCat("ended with exit code ", code);
  }
  const char* name = sigabbrev_np(-code);
  return absl::StrCat("was killed by ", name != nullptr ? "SIG" : "signal ",
                      name != nullptr ? name : std::to_string(-code));
}

}  // namespace

// -- TaskMessage ----------------------------------------------------------------------------------

TaskMessage::TaskMessage(const Encoder& encoder)
    : size_(encoder.message().size()),
      handles_(encoder.handles().begin(), encoder.handles().end()) {
  uint64_t* to = small_;
  if (size_ > sizeof small_) {
    words_ = std::make_unique_for_overwrite<uint64_t[]>((size_ + 7) / 8);
    to = words_.get();
  }
  std::memcpy(to, encoder.message().data(), size_);
  for (uint64_t object : handles_) {
    Family::get().hold(object);
    holds_.push_back(Ref::take(object));
  }
  for (int fd : encoder.fds()) {
    UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) {
      raise(os_error(errno, "mp: a file descriptor in a pool's task"));
    }
    fd_numbers_.push_back(copy.get());
    fds_.push_back(std::move(copy));
  }
}

Encoded TaskMessage::encoded() const noexcept {
  return {{reinterpret_cast<const std::byte*>(words()), size_}, handles_, fd_numbers_};
}

// -- Workers and tasks ----------------------------------------------------------------------------

struct PoolCore::Task {
  uint64_t ticket;
  std::shared_ptr<Job> job;
  uint64_t part;
  TaskMessage message;
  int attempt = 1;
};

// Why a worker is killed: the task that is to end by it.
struct PoolCore::Verdict {
  uint64_t ticket = 0;
  std::exception_ptr error;
};

namespace {

// Which of a worker's slots have a task.
class Used {
 public:
  uint32_t take() noexcept {
    for (uint32_t w = 0;; ++w) {
      if (bits_[w] != ~uint64_t{0}) {
        const uint32_t bit = static_cast<uint32_t>(std::countr_one(bits_[w]));
        bits_[w] |= uint64_t{1} << bit;
        return w * 64 + bit;
      }
    }
  }
  void give_back(uint32_t slot) noexcept { bits_[slot / 64] &= ~(uint64_t{1} << slot % 64); }
  // Calls see(slot), which may give it back.
  template <class See>
  void each(const See& see) const {
    for (uint32_t w = 0; w < kWindow / 64; ++w) {
      for (uint64_t bits = bits_[w]; bits != 0; bits &= bits - 1) {
        see(w * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
      }
    }
  }

 private:
  uint64_t bits_[kWindow / 64] = {};
};

}  // namespace

struct PoolCore::Seat {
  explicit Seat(Desk d)
      : desk(std::move(d)),
        channel(*Family::current(), desk.results.ref().offset()),
        tasks(*Family::current(), desk.tasks.ref().offset()) {}

  bool full() const { return outstanding == kWindow; }
  // Whether its worker had tasks and did not begin them, and has not passed over them since.
  bool is_stuck() { return stuck = stuck && tasks.ring->size() != 0; }
  // Tasks that were taken back lie in the ring until the worker has passed over them: one that is stopped, or busy, would
  // collect them without end.
  bool clogged() {
    auto too_many = [this] {
      // One message more than there are tasks is the last one's, which is about to be taken off.
      return unread.size() >= kMostUnread ||
             (unread.size() > outstanding + 1 && unread_bytes >= bytes + kWindowBytes);
    };
    if (planted(PoolBug::kRingsGrow) || !too_many()) {
      return false;  // without a look at what the worker writes
    }
    const uint64_t received = tasks.ring->received();
    for (; read < received && !unread.empty(); ++read) {
      unread_bytes -= unread.front();
      unread.pop_front();
    }
    return too_many();
  }
  void signal(int number) const { signal_pidfd(pidfd.get(), number); }
  // The worker has ended.
  int reap() {
    try {
      process.join();
    } catch (const Error&) {
      // Somebody has joined and closed it.
    }
    return last_exitcode(process).value_or(255);
  }
  // The task that the worker has begun and not answered, or has just answered.
  Task* running() const {
    // sync: pool-current.
    const uint64_t current = desk.book().current.load(std::memory_order_acquire);
    Task* found = nullptr;
    if (current != 0) {
      used.each([&](uint32_t slot) {
        const uint64_t ticket = slots[slot]->ticket;
        const bool lowest = planted(PoolBug::kLowestRuns) && found == nullptr;
        if ((ticket == current || lowest) && desk.book().tasks[slot].is_running(ticket)) {
          found = slots[slot];
        }
      });
    }
    return found;
  }

  Desk desk;
  Channel<> channel;  // of results
  Channel<> tasks;
  Process process{Process::Options()};
  UniqueFd pidfd;  // our own: whoever has a handle of workers() may close that
  std::string name;
  int pid = 0;
  Task* slots[kWindow] = {};
  Used used;
  uint32_t outstanding = 0;
  bool hungry = true;  // not full since it had half a window: a single one would wake it each time
  size_t bytes = 0;    // of those
  std::deque<size_t> unread;  // of messages in the ring; may be more than are there
  size_t unread_bytes = 0;
  uint64_t read = 0;
  uint64_t answered = 0;
  uint64_t handed = 0;  // tasks, without those taken back
  bool closed = false;  // gets no more
  bool dismissed = false;
  bool told = false;           // got SIGTERM
  bool stuck = false;          // see is_stuck()
  std::exception_ptr failure;  // of the initializer
  Verdict verdict;
};

PoolCore::PoolCore(PoolPlan plan)
    : plan_(std::move(plan)),
      method_(plan_.context.method()),
      board_(Ref::create(Kind::kArray, sizeof(Board))),
      keeper_bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      wanted_(plan_.processes) {
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

std::unique_ptr<PoolCore::Seat> PoolCore::make_seat(uint32_t number) {
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
        seat->process.kill();
      }
    }
    for (std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr) {
        seat->process.join();
        seat->process.close();
      }
    }
    seats_.clear();
    throw;
  }
}

// -- Hand-over ------------------------------------------------------------------------------------

// With mutex_.
void PoolCore::check_running() const {
  if (state_ != State::kRun && !draining_) {
    raise(value_error("Pool not running"));
  }
  if (broken_ != nullptr) {
    std::rethrow_exception(broken_);
  }
}

void PoolCore::check_submit() const {
  std::lock_guard hold(mutex_);
  check_running();
}

void PoolCore::open_stream() {
  std::lock_guard hold(mutex_);
  check_running();
  ++streams_;
}

void PoolCore::end_stream() {
  {
    std::lock_guard hold(mutex_);
    --streams_;
  }
  wake_keeper();
}

void PoolCore::submit(const std::shared_ptr<Job>& job, uint64_t part, TaskMessage message,
                      bool waits) {
  auto task = std::make_unique<Task>(Task{0, job, part, std::move(message)});
  bool wake = false;
  {
    std::lock_guard hold(mutex_);
    if (!job->stream || state_ != State::kClose || broken_ != nullptr ||
        planted(PoolBug::kStreamsCut)) {
      check_running();
    }
    task->ticket = ++last_ticket_;
    Seat* seat = pending_.empty() ? best_seat() : nullptr;
    if (seat != nullptr) {
      Task* const only = task.get();
      absl::Status s;
      hand_over(*seat, {&only, 1}, &s);
      raise_if_error(s);
    } else {
      pending_.push_back(task.get());
      pending_count_.store(pending_.size(), std::memory_order_relaxed);
      wake = !waits;
    }
    Task* t = task.release();
    ++tasks_;
    weigh_need();
    if (t->job->timeout_ns != 0 && timed_++ == 0) {
      wake_keeper();
    }
    if (t->job->has_callbacks() && count(*t->job)) {
      wake = true;
    }
  }
  if (wake || (weak_need_.load(std::memory_order_relaxed) &&
               collector_rests_.load(std::memory_order_relaxed))) {
    wake_collector();
  }
}

void PoolCore::submit_some(const std::shared_ptr<Job>& job, uint64_t part,
                           std::span<TaskMessage> messages) {
  std::vector<Failed> failed;
  {
    std::lock_guard hold(mutex_);
    if (state_ != State::kClose || broken_ != nullptr) {
      check_running();
    }
    const bool first = pending_.empty();
    for (TaskMessage& message : messages) {
      pending_.push_back(new Task{++last_ticket_, job, part++, std::move(message)});
    }
    tasks_ += messages.size();
    weigh_need();
    if (job->timeout_ns != 0) {
      if (timed_ == 0) {
        wake_keeper();
      }
      timed_ += messages.size();
    }
    if (first) {
      feed(&failed);
    }
    pending_count_.store(pending_.size(), std::memory_order_relaxed);
  }
  fail(std::move(failed));
  if (weak_need_.load(std::memory_order_relaxed) &&
      collector_rests_.load(std::memory_order_relaxed)) {
    wake_collector();
  }
}

bool PoolCore::has_room(Seat& seat) {
  if (seat.closed || !seat.hungry) {
    return false;
  }
  if (seat.clogged()) {
    clogged_.store(true, std::memory_order_relaxed);
    return false;
  }
  return fits(seat);
}

// Room for one more, of a worker that gets tasks.
bool PoolCore::fits(const Seat& seat) const {
  return !seat.full() && (plan_.tasks_per_child == 0 || seat.handed < plan_.tasks_per_child) &&
         (seat.outstanding == 0 || seat.bytes < kWindowBytes);
}

// The one with the fewest tasks.
PoolCore::Seat* PoolCore::best_seat() {
  Seat* best = nullptr;
  clogged_.store(false, std::memory_order_relaxed);
  const size_t n = seats_.size();
  for (size_t i = 0; i < n; ++i) {
    // It may be behind the end: the pool may be smaller by now.
    const size_t at = (next_seat_ + i) % n;
    Seat* seat = seats_[at].get();
    if (seat == nullptr || !has_room(*seat) ||
        (planted(PoolBug::kPlaceForgotten) && next_seat_ >= n)) {
      continue;
    }
    if (best != nullptr && std::pair(best->is_stuck(), best->outstanding) <=
                               std::pair(seat->is_stuck(), seat->outstanding)) {
      continue;
    }
    best = seat;
    if (seat->outstanding == 0 && !seat->is_stuck()) {
      // The same one next time: it has not gone to sleep yet.
      next_seat_ = at;
      break;
    }
  }
  return best;
}

// Gives the worker the first of `tasks`, as many as it has room for, in one go: so it is woken once. Returns how many; with an
// error the next of them is not to be had.
size_t PoolCore::hand_over(Seat& seat, std::span<Task* const> tasks, absl::Status* status) {
  ChannelWriter<> writer(seat.tasks);
  *status = writer.open(Deadline::never());
  size_t n = 0;
  while (status->ok() && n < tasks.size() && (n == 0 || fits(seat))) {
    Task& task = *tasks[n];
    const Encoded message = task.message.encoded();
    // What it carries makes a message fail half done: such a one is published alone.
    const bool carries = !message.handles.empty() || !message.fds.empty();
    if (carries && n != 0) {
      break;
    }
    const uint32_t slot = seat.used.take();
    LedgerWord<>& word = seat.desk.book().tasks[slot];
    word.queue(task.ticket);
    *status = add_post(writer, {task.ticket, slot, kTask}, message);
    if (!status->ok()) {
      word.end();
      seat.used.give_back(slot);
      break;
    }
    seat.unread.push_back(task.message.size());
    seat.unread_bytes += task.message.size();
    seat.slots[slot] = &task;
    ++seat.outstanding;
    seat.bytes += task.message.size();
    ++seat.handed;
    ++n;
    if (carries) {
      break;
    }
  }
  if (n != 0) {
    writer.publish();
  }
  seat.hungry = seat.hungry && !seat.full();
  return n;
}

std::unique_ptr<PoolCore::Task> PoolCore::end_task(Seat& seat, uint32_t slot) {
  std::unique_ptr<Task> task(std::exchange(seat.slots[slot], nullptr));
  seat.desk.book().tasks[slot].end();
  seat.used.give_back(slot);
  --seat.outstanding;
  seat.hungry = seat.hungry || seat.outstanding <= kWindow / 2;
  seat.bytes -= task->message.size();
  return task;
}

// The task of `slot` if its worker has not begun it.
std::unique_ptr<PoolCore::Task> PoolCore::take_back(Seat& seat, uint32_t slot) {
  if (planted(PoolBug::kNothingIsTakenBack) ||
      !seat.desk.book().tasks[slot].take_back(seat.slots[slot]->ticket)) {
    return nullptr;
  }
  --seat.handed;
  return end_task(seat, slot);
}

// Takes back what the worker has not begun, the newest first, at most `most`; they are the next to be handed over. False:
// there was nothing.
bool PoolCore::take_back_some(Seat& seat, uint32_t most) {
  std::vector<std::pair<uint64_t, uint32_t>> by_age;
  seat.used.each([&](uint32_t slot) { by_age.emplace_back(seat.slots[slot]->ticket, slot); });
  std::sort(by_age.rbegin(), by_age.rend());
  const uint32_t wanted = most;
  for (auto [ticket, slot] : by_age) {
    if (most == 0) {
      break;
    }
    if (std::unique_ptr<Task> task = take_back(seat, slot)) {
      pending_.push_front(task.release());
      --most;
    }
  }
  return most != wanted;
}

// Hands over what waits, as far as there is room: to each worker its share in one go.
void PoolCore::feed(std::vector<Failed>* failed) {
  if (pending_.empty()) {
    return;
  }
  const size_t hungry = static_cast<size_t>(std::max<ptrdiff_t>(
      1, std::count_if(seats_.begin(), seats_.end(), [](const std::unique_ptr<Seat>& seat) {
        return seat != nullptr && !seat->closed && seat->hungry;
      })));
  const size_t share = (pending_.size() + hungry - 1) / hungry;
  Task* tasks[kBatch];
  while (!pending_.empty()) {
    if (pending_.front()->job->abandoned.load(std::memory_order_relaxed)) {
      failed->push_back(
          {std::unique_ptr<Task>(pending_.front()), cancelled("the task is of no use any more")});
      pending_.pop_front();
      continue;
    }
    Seat* seat = best_seat();
    if (seat == nullptr) {
      break;
    }
    size_t n = 0;
    for (Task* task : pending_) {
      if (n == std::min(share, kBatch) || task->job->abandoned.load(std::memory_order_relaxed)) {
        break;
      }
      tasks[n++] = task;
    }
    absl::Status s;
    const size_t gone = hand_over(*seat, {tasks, n}, &s);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(gone));
    if (!s.ok()) {
      failed->push_back({std::unique_ptr<Task>(pending_.front()), exception_of(s)});
      pending_.pop_front();
    }
  }
  pending_count_.store(pending_.size(), std::memory_order_relaxed);
}

// Whether a worker has nothing to do, and would be the next to get something.
bool PoolCore::has_idle() {
  return std::any_of(seats_.begin(), seats_.end(), [this](const std::unique_ptr<Seat>& seat) {
    return seat != nullptr && seat->outstanding == 0 && !seat->is_stuck() && has_room(*seat);
  });
}

// Workers without tasks get some that others have not begun: those may be slow, or stopped.
void PoolCore::level(std::vector<Failed>* failed) {
  // Each time one of them at least gets something.
  while (pending_.empty() && tasks_ >= 2 && has_idle()) {
    std::vector<Seat*> full;
    for (const std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr && seat->outstanding >= 2) {
        full.push_back(seat.get());
      }
    }
    // What the fullest has may be done and not read yet.
    std::sort(full.begin(), full.end(),
              [](const Seat* a, const Seat* b) { return a->outstanding > b->outstanding; });
    const bool some = std::any_of(full.begin(), full.end(), [this](Seat* seat) {
      return take_back_some(*seat, seat->outstanding / 2);
    });
    if (!some) {
      return;
    }
    feed(failed);
    if (planted(PoolBug::kLevelledOnce)) {
      return;
    }
  }
}

// Nothing has come for a while: who has read what clogged it gets more. `late_too`, after a whole slice: what a worker has and
// does not begin goes to those that have nothing. That worker is slow to come back, or stopped; it gets no more until it has
// read what it was sent.
void PoolCore::unstick(bool late_too) {
  if (planted(PoolBug::kCloggedForGood)) {
    return;
  }
  std::vector<Failed> failed;
  {
    std::lock_guard hold(mutex_);
    // What is handed over now is not late.
    std::vector<Seat*> late;
    for (const std::unique_ptr<Seat>& seat : seats_) {
      if (late_too && seat != nullptr && seat->outstanding != 0) {
        late.push_back(seat.get());
      }
    }
    feed(&failed);  // a worker may have read what clogged it
    const bool idle = has_idle();
    for (Seat* seat : late) {
      if (idle && seat->outstanding != 0 && seat->running() == nullptr) {
        seat->stuck = true;
        take_back_some(*seat, kWindow);
      }
    }
    feed(&failed);
  }
  fail(std::move(failed));
}

// With mutex_: while there are more tasks than workers, one may wait behind another though a worker is idle, whose results
// nobody has read.
void PoolCore::weigh_need() {
  const size_t workers = std::min(seats_.size(), static_cast<size_t>(wanted_));
  weak_need_.store(tasks_ > workers, std::memory_order_relaxed);
}

// With mutex_: a task has left the pool.
void PoolCore::forget(const Task& task) {
  --tasks_;
  weigh_need();
  if (task.job->timeout_ns != 0) {
    --timed_;
  }
  if (tasks_ == 0 && state_ == State::kClose) {
    wake_keeper();
  }
}

// -- Results --------------------------------------------------------------------------------------

void PoolCore::settle(const std::shared_ptr<Job>& job, bool complete) {
  if (complete ? job->finish_unobserved() : !job->tells_parts()) {
    if (job->stream) {
      job->changed();
    }
    return;
  }
  {
    std::lock_guard hold(lead_mutex_);
    if (!collector_ended_) {
      called_.push_back(job);
      called_count_.fetch_add(1, std::memory_order_relaxed);
      collector_bell_.notify_one();
      if (collector_waits_ != nullptr) {
        collector_waits_->changed();
      }
      if (!planted(PoolBug::kCallsUntold)) {
        ring_bell(*board_.object<Board>());  // it may be reading results
      }
      return;
    }
  }
  if (complete) {
    job->finish();
  }
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

void PoolCore::fail(std::vector<Failed> failed) {
  if (failed.empty()) {
    return;
  }
  {
    std::lock_guard hold(mutex_);
    for (const Failed& f : failed) {
      forget(*f.task);
    }
  }
  for (const Failed& f : failed) {
    settle(f.task->job, f.task->job->fail(f.task->part, f.error));
  }
  ring_bell(*board_.object<Board>());
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
    std::vector<Failed> failed;
    {
      std::lock_guard hold(mutex_);
      feed(&failed);
      level(&failed);
    }
    fail(std::move(failed));
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
  Job* const outer = collects ? std::exchange(collector_waits_, &job) : nullptr;
  bool followed = false;
  for (bool first = true;; first = false) {
    const uint32_t seen = job.changes.load(std::memory_order_seq_cst);
    const bool there = until();
    if (!there && collects && !called_.empty() && !planted(PoolBug::kCallsOneByOne)) {
      serve_called(hold);
      continue;
    }
    if (there || (!first && deadline.passed())) {
      if (collects) {
        collector_waits_ = outer;
      }
      // Who stopped leading may have asked this thread to, which does not wait any more.
      if (followed && !led_ && !planted(PoolBug::kAskedKeepsQuiet)) {
        pass_lead(job.stream);
      }
      return there;
    }
    followed = led_;
    if (!led_) {
      led_ = true;
      hold.unlock();
      lead(
          [&] {
            return until() || (collects && called_count_.load(std::memory_order_relaxed) != 0);
          },
          deadline);
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
      job.sleep(seen, deadline);
    }
    hold.lock();
    followers_.erase(std::find(followers_.begin(), followers_.end(), &job));
  }
}

void PoolCore::wake_collector() {
  std::lock_guard hold(lead_mutex_);
  collector_bell_.notify_one();
}

// With lead_mutex_, in the collector: makes the first callback that is to be made.
void PoolCore::serve_called(std::unique_lock<std::mutex>& hold) {
  std::shared_ptr<Job> job = std::move(called_.front());
  called_.pop_front();
  called_count_.fetch_sub(1, std::memory_order_relaxed);
  hold.unlock();
  if (!job->complete()) {
    job->progressed();
  } else if (!job->done()) {
    job->finish();
  }
  job.reset();
  ring_bell(*board_.object<Board>());
  hold.lock();
}

void PoolCore::collector() {
  std::unique_lock hold(lead_mutex_);
  uint64_t leads = 0;
  for (;;) {
    auto called = [&] {
      return stop_collector_ || !called_.empty() || (!led_ && followers_.empty() && needed());
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
    if (!called_.empty()) {
      serve_called(hold);
      continue;
    }
    if (stop_collector_) {
      collector_ended_ = true;
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
          return stop_leading_.load(std::memory_order_relaxed) ||
                 called_count_.load(std::memory_order_relaxed) != 0 ||
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

// -- Cancelling -----------------------------------------------------------------------------------

// With mutex_: the worker is killed if it still runs the task of that ticket; what else it has goes to others.
void PoolCore::doom(Seat& seat, uint64_t ticket, const std::exception_ptr& error) {
  bool was_closed = std::exchange(seat.closed, true);
  take_back_some(seat, kWindow);
  Task* running = seat.running();
  if (running == nullptr || running->ticket != ticket) {
    seat.closed = was_closed;  // it is done
    return;
  }
  // Nothing can take its place: what is killed is the one.
  seat.verdict = {ticket, error};
  seat.signal(planted(PoolBug::kAskedToEnd) ? SIGTERM : SIGKILL);
}

void PoolCore::cancel(Job& job) {
  check_ours();
  give_back(job, true);
}

void PoolCore::drop(Job& job) { give_back(job, false); }

void PoolCore::give_back(Job& job, bool begun_too) {
  std::vector<Failed> failed;
  std::exception_ptr error = cancelled("the task was cancelled");
  {
    std::lock_guard hold(mutex_);
    for (auto at = pending_.begin(); at != pending_.end();) {
      if ((*at)->job.get() == &job) {
        failed.push_back({std::unique_ptr<Task>(*at), error});
        at = pending_.erase(at);
      } else {
        ++at;
      }
    }
    for (std::unique_ptr<Seat>& seat : seats_) {
      if (seat == nullptr) {
        continue;
      }
      bool begun = false;
      seat->used.each([&](uint32_t slot) {
        if (seat->slots[slot]->job.get() != &job) {
          return;
        }
        if (std::unique_ptr<Task> task = take_back(*seat, slot)) {
          failed.push_back({std::move(task), error});
        } else {
          begun = true;
        }
      });
      // Of what it has begun, it runs one; the others have results.
      Task* running = begun && begun_too ? seat->running() : nullptr;
      if (running != nullptr && running->job.get() == &job) {
        doom(*seat, running->ticket, error);
      }
    }
    feed(&failed);
  }
  fail(std::move(failed));
}

void PoolCore::give_up(const std::shared_ptr<Job>& job, uint64_t from, uint64_t to,
                       const std::exception_ptr& error) {
  for (; from < to; ++from) {
    settle(job, job->fail(from, error));
  }
}

void PoolCore::fail_all(const std::exception_ptr& error) {
  std::vector<Failed> failed;
  {
    std::lock_guard hold(mutex_);
    for (Task* task : std::exchange(pending_, {})) {
      failed.push_back({std::unique_ptr<Task>(task), error});
    }
    pending_count_.store(0, std::memory_order_relaxed);
    for (std::unique_ptr<Seat>& seat : seats_) {
      if (seat != nullptr) {
        seat->used.each([&](uint32_t slot) { failed.push_back({end_task(*seat, slot), error}); });
      }
    }
  }
  fail(std::move(failed));
}

// -- The keeper -----------------------------------------------------------------------------------

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
  std::unique_lock hold(mutex_);
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
  std::vector<Failed> failed;
  if (timed_ != 0) {
    check_times();
    feed(&failed);
  }
  if (timed_ != 0 || leaves_refused()) {
    nap_until(monotonic_ns() + kTimesNs);
  }
  hold.unlock();
  fail(std::move(failed));
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
  std::vector<Failed> failed;
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
    for (Task* task : std::exchange(pending_, {})) {
      failed.push_back({std::unique_ptr<Task>(task), error});
    }
    pending_count_.store(0, std::memory_order_relaxed);
  }
  fail(std::move(failed));
  if (again) {
    fail_all(error);
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
    std::vector<Failed> failed;
    {
      std::lock_guard hold(mutex_);
      seats_[i] = std::move(seat);
      refused_starts_ = 0;
      feed(&failed);
      if (!planted(PoolBug::kNewcomersIdle)) {
        level(&failed);
      }
    }
    fail(std::move(failed));
  }
}

// The worker of a seat has ended.
void PoolCore::bury(Seat& seat) {
  std::vector<Failed> failed;
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
    for (auto [ticket, slot] : by_age) {
      const bool begun =
          seat.desk.book().tasks[slot].is_running(ticket) || planted(PoolBug::kAllIsBegun);
      std::unique_ptr<Task> task = end_task(seat, slot);
      if (draining_ && (!begun || task->attempt <= task->job->retries)) {
        failed.push_back({std::move(task), broken_});
        continue;
      }
      if (!begun && planted(PoolBug::kUnbegunTasksLost)) {
        task.release();
        continue;
      }
      if (!begun || planted(PoolBug::kBegunTasksRunAgain)) {
        pending_.push_front(task.release());
        continue;
      }
      if (state_ == State::kTerminate) {
        failed.push_back({std::move(task), cancelled(kTerminated)});  // we have killed it
      } else if (seat.verdict.ticket == ticket) {
        failed.push_back({std::move(task), seat.verdict.error});
      } else if (task->attempt <= task->job->retries) {
        ++task->attempt;
        pending_.push_front(task.release());
      } else {
        failed.push_back({std::move(task), nullptr});
        Task& t = *failed.back().task;
        failed.back().error = std::make_exception_ptr(WorkerDied(
            absl::StrCat("mp: worker ", seat.name, " (pid ", seat.pid, ") ", ended_as(code),
                         " while it ran task ", ticket, " (attempt ", t.attempt, ")"),
            seat.name, seat.pid, code, ticket, t.attempt));
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
  gone.reset();
  fail(std::move(failed));
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
    if (task == nullptr || task->job->timeout_ns == 0) {
      continue;
    }
    // Of this task, or of a later one: then the worker has had less time.
    const int64_t began = seat->desk.book().began.load(std::memory_order_relaxed);
    if (now - began > task->job->timeout_ns) {
      doom(*seat, task->ticket,
           std::make_exception_ptr(
               TimeoutError(absl::StrCat("mp: task ", task->ticket, " took longer than ",
                                         static_cast<double>(task->job->timeout_ns) / 1e9, " s"))));
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
  fail_all(error);
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

void PoolCore::terminate() {
  {
    std::lock_guard hold(mutex_);
    state_ = State::kTerminate;
  }
  wake_keeper();
  fail_all(cancelled(kTerminated));
  if (std::this_thread::get_id() != collector_id_) {
    join(Deadline::never());
  }
}

bool PoolCore::join(Deadline deadline) {
  if (std::this_thread::get_id() == collector_id_) {
    raise(RuntimeError("cannot join current thread").status());
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
  most_seats_.store(std::max<size_t>(most_seats_.load(), static_cast<size_t>(processes)));
  wake_keeper();
  wake_collector();
}

int PoolCore::size() const {
  std::lock_guard hold(mutex_);
  return wanted_;
}

PoolCore::State PoolCore::state() const {
  std::lock_guard hold(mutex_);
  return state_;
}

std::vector<Process> PoolCore::workers() const {
  std::lock_guard hold(mutex_);
  std::vector<Process> all;
  for (const std::unique_ptr<Seat>& seat : seats_) {
    if (seat != nullptr) {
      all.push_back(seat->process);
    }
  }
  return all;
}

}  // namespace mp::internal
