// How a PoolCore gives tasks to its workers, and takes them back.

#include <signal.h>

#include <algorithm>
#include <new>
#include <utility>

#include "mp/errors.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/received.h"
#include "mp/internal/pool/pool_core.h"
#include "mp/internal/pool/pool_seat.h"
#include "mp/internal/pool/post.h"
#include "mp/internal/pool/refusals.h"

namespace mp::internal {
namespace {

std::exception_ptr exception_of(const absl::Status& status) {
  try {
    raise(status);
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

void PoolCore::submit(const std::shared_ptr<Job>& job, uint64_t part, std::unique_ptr<Task> task,
                      bool waits) {
  task->job = job;
  task->part = part;
  bool wake = false;
  bool unwatched = false;
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
      put_last(task.get());
      wake = !waits;
    }
    job->tasks.push_back(task.release());
    ++tasks_;
    weigh_need();
    if (job->timeout_ns() != 0 && timed_++ == 0) {
      wake_keeper();
    }
    if (job->has_callbacks() && count(*job)) {
      wake = true;
    }
    // Who waits for the only task there is looks after it.
    unwatched = !watched_ && (!waits || tasks_ > 1);
    watched_ = watched_ || unwatched;
  }
  if (unwatched) {
    wake_keeper();
  }
  if (wake || (weak_need_.load(std::memory_order_relaxed) &&
               collector_rests_.load(std::memory_order_relaxed))) {
    wake_collector();
  }
}

void PoolCore::submit_some(const std::shared_ptr<Job>& job, uint64_t part,
                           std::span<std::unique_ptr<Task>> tasks) {
  Failed failed(*this);
  bool unwatched;
  {
    std::lock_guard hold(mutex_);
    if (state_ != State::kClose || broken_ != nullptr || planted(PoolBug::kStreamsCut)) {
      check_running();
    }
    const bool first = pending_.empty();
    for (std::unique_ptr<Task>& task : tasks) {
      task->job = job;
      task->part = part++;
      task->ticket = ++last_ticket_;
      put_last(task.get());
      job->tasks.push_back(task.release());
    }
    tasks_ += tasks.size();
    weigh_need();
    if (job->timeout_ns() != 0) {
      if (timed_ == 0) {
        wake_keeper();
      }
      timed_ += tasks.size();
    }
    if (first) {
      feed(&failed);
    }
    unwatched = !std::exchange(watched_, true);
  }
  if (unwatched) {
    wake_keeper();
  }
  fail(&failed);
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
    const Encoded message = task.encoded();
    // What it carries makes a message fail half done: such a one is published alone.
    const bool carries = !message.handles.empty() || !message.fds.empty();
    if (carries && n != 0) {
      break;
    }
    try {
      seat.unread.push_back(task.size());
    } catch (const std::bad_alloc&) {
      *status = memory_error("mp: no memory for what is known of a task");
      break;
    }
    const uint32_t slot = seat.used.take();
    LedgerWord<>& word = seat.desk.book().tasks[slot];
    word.queue(task.ticket);
    *status = add_post(writer, {task.ticket, static_cast<uint16_t>(slot), kTask, task.job->crowd()},
                       message);
    if (!status->ok()) {
      word.end();
      seat.used.give_back(slot);
      seat.unread.pop_back();
      break;
    }
    seat.unread_bytes += task.size();
    seat.slots[slot] = &task;
    task.worker = static_cast<uint16_t>(seat.desk.number);
    task.slot = static_cast<uint16_t>(slot);
    ++seat.outstanding;
    seat.bytes += task.size();
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

void PoolCore::put_last(Task* task) {
  pending_.push_back(task);
  pending_count_.fetch_add(1, std::memory_order_relaxed);
}

void PoolCore::put_first(Task* task) {
  pending_.push_front(task);
  pending_count_.fetch_add(1, std::memory_order_relaxed);
}

std::unique_ptr<PoolCore::Task> PoolCore::take_waiting(Task* task) {
  pending_.erase(task);
  pending_count_.fetch_sub(1, std::memory_order_relaxed);
  return std::unique_ptr<Task>(task);
}

std::unique_ptr<PoolCore::Task> PoolCore::end_task(Seat& seat, uint32_t slot) {
  std::unique_ptr<Task> task(std::exchange(seat.slots[slot], nullptr));
  task->worker = Task::kNobody;
  seat.desk.book().tasks[slot].end();
  seat.used.give_back(slot);
  --seat.outstanding;
  seat.hungry = seat.hungry || seat.outstanding <= kWindow / 2;
  seat.bytes -= task->size();
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

// A task of a worker that has ended is the next to be handed over.
void PoolCore::put_back(Seat& seat, uint32_t slot) {
  put_first(end_task(seat, slot).release());
  watched_ = true;
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
      put_first(task.release());
      --most;
    }
  }
  return most != wanted;
}

// Hands over what waits, as far as there is room: to each worker its share in one go.
void PoolCore::feed(Failed* failed) {
  if (pending_.empty()) {
    return;
  }
  const size_t hungry = static_cast<size_t>(std::max<ptrdiff_t>(
      1, std::count_if(seats_.begin(), seats_.end(), [](const std::unique_ptr<Seat>& seat) {
        return seat != nullptr && !seat->closed && seat->hungry;
      })));
  const size_t share = (pending_count_.load(std::memory_order_relaxed) + hungry - 1) / hungry;
  Task* tasks[kBatch];
  while (!pending_.empty()) {
    if (pending_.first()->job->abandoned.load(std::memory_order_relaxed)) {
      const std::exception_ptr error = cancelled("the task is of no use any more");
      failed->add(take_waiting(pending_.first()), error);
      continue;
    }
    Seat* seat = best_seat();
    if (seat == nullptr) {
      break;
    }
    size_t n = 0;
    for (Task* task = pending_.first(); task != nullptr; task = pending_.after(task)) {
      if (n == std::min(share, kBatch) || task->job->abandoned.load(std::memory_order_relaxed)) {
        break;
      }
      tasks[n++] = task;
    }
    absl::Status s;
    const size_t gone = hand_over(*seat, {tasks, n}, &s);
    for (size_t i = 0; i < gone; ++i) {
      take_waiting(tasks[i]).release();
    }
    if (!s.ok()) {
      const std::exception_ptr error = exception_of(s);
      failed->add(take_waiting(pending_.first()), error);
    }
  }
}

// Whether a worker has nothing to do, and would be the next to get something.
bool PoolCore::has_idle() {
  return std::any_of(seats_.begin(), seats_.end(), [this](const std::unique_ptr<Seat>& seat) {
    return seat != nullptr && seat->outstanding == 0 && !seat->is_stuck() && has_room(*seat);
  });
}

// Workers without tasks get some that others have not begun: those may be slow, or stopped.
void PoolCore::level(Failed* failed) {
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
  Failed failed(*this);
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
    if (late_too) {
      level(&failed);  // one that was stopped may be back, and idle
    }
  }
  fail(&failed);
}

// With mutex_, by the keeper now and then: the same for those that nobody waits for that long. Others may get results all the
// time; what a worker has not begun since the last look, and it is at nothing else, is late. False: all is begun.
bool PoolCore::watch(Failed* failed) {
  feed(failed);
  const bool idle = has_idle();
  bool waiting = !pending_.empty();
  for (const std::unique_ptr<Seat>& seat : seats_) {
    if (seat == nullptr) {
      continue;
    }
    const uint64_t oldest = seat->oldest_waiting();
    if (oldest != 0 && std::exchange(seat->waited, oldest) == oldest && idle &&
        seat->running() == nullptr) {
      seat->stuck = true;
      take_back_some(*seat, kWindow);
    }
    waiting = waiting || oldest != 0;
  }
  feed(failed);
  level(failed);
  return waiting;
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
  if (task.job->timeout_ns() != 0) {
    --timed_;
  }
  if (tasks_ == 0 && state_ == State::kClose) {
    wake_keeper();
  }
}

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

void PoolCore::give_back(Job& job, bool begun_too) {
  Failed failed(*this);
  std::exception_ptr error = cancelled(kCancelled);
  {
    std::lock_guard hold(mutex_);
    // Those that have begun some of it.
    std::vector<Seat*> begun;
    for (Task *task = job.tasks.first(), *next; task != nullptr; task = next) {
      next = job.tasks.after(task);
      if (task->worker == Task::kNobody) {
        failed.add(take_waiting(task), error);
        continue;
      }
      Seat* seat = seats_[task->worker].get();
      if (std::unique_ptr<Task> taken = take_back(*seat, task->slot)) {
        failed.add(std::move(taken), error);
        continue;
      }
      if (begun_too && std::find(begun.begin(), begun.end(), seat) == begun.end()) {
        begun.push_back(seat);
      }
    }
    for (Seat* seat : begun) {
      // It runs one; the others have results.
      Task* running = seat->running();
      if (running != nullptr && running->job.get() == &job) {
        doom(*seat, running->ticket, error);
      }
    }
    feed(&failed);
  }
  fail(&failed);
}

// With mutex_: what waits.
void PoolCore::fail_pending(const std::exception_ptr& error, Failed* failed) {
  while (!pending_.empty()) {
    failed->add(take_waiting(pending_.first()), error);
  }
}

// `hold` has mutex_.
void PoolCore::fail_all(const std::exception_ptr& error, std::unique_lock<std::mutex> hold) {
  Failed failed(*this);
  fail_pending(error, &failed);
  for (std::unique_ptr<Seat>& seat : seats_) {
    if (seat != nullptr) {
      seat->used.each([&](uint32_t slot) { failed.add(end_task(*seat, slot), error); });
    }
  }
  hold.unlock();
  fail(&failed);
}

}  // namespace mp::internal
