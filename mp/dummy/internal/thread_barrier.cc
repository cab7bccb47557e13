#include "mp/dummy/internal/thread_barrier.h"

#include <condition_variable>
#include <utility>

#include "mp/dummy/internal/wait.h"

namespace mp::internal {

// Guarded by the barrier's mutex.
struct ThreadBarrier::Round {
  int arrived = 0;
  bool over = false;
  bool passed = false;
  BarrierCause cause = BarrierCause::kNone;
  std::condition_variable ended;
};

ThreadBarrier::ThreadBarrier(int parties, std::function<void()> action)
    : parties_(parties), action_(std::move(action)), round_(std::make_shared<Round>()) {}

void ThreadBarrier::end(Round& round, bool passed, BarrierCause cause) {
  if (round.over) {
    return;
  }
  round.over = true;
  round.passed = passed;
  round.cause = cause;
  round.ended.notify_all();
  round_ = std::make_shared<Round>();
}

void ThreadBarrier::break_off(BarrierCause cause) {
  if (broken_ == BarrierCause::kNone) {
    broken_ = cause;
    end(*round_, false, cause);
  }
}

// Without the mutex: the action may use the barrier, and others may give up meanwhile.
void ThreadBarrier::act(Hold& hold, Round& round) {
  struct Guard {
    ~Guard() {
      hold.lock();
      if (!done && !round.over) {
        barrier.break_off(BarrierCause::kAction);
      }
    }
    ThreadBarrier& barrier;
    Hold& hold;
    Round& round;
    bool done = false;
  } guard{*this, hold, round};
  hold.unlock();
  action_();
  guard.done = true;
}

std::optional<int> ThreadBarrier::wait(Deadline deadline, BarrierCause* cause) {
  Hold hold(mutex_);
  std::shared_ptr<Round> round;
  for (;;) {
    if (broken_ != BarrierCause::kNone) {
      *cause = broken_;
      return std::nullopt;
    }
    // While the action of a full round runs there is no room.
    round = round_;
    if (round->arrived < parties_) {
      break;
    }
    if (!await(round->ended, hold, deadline, [&] { return round->over; })) {
      break_off(BarrierCause::kTimeout);
    }
  }
  int index = round->arrived++;
  if (index + 1 == parties_) {
    if (action_) {
      act(hold, *round);
    }
    end(*round, true, BarrierCause::kNone);
  } else if (!await(round->ended, hold, deadline, [&] { return round->over; })) {
    break_off(BarrierCause::kTimeout);
  }
  if (!round->passed) {
    *cause = round->cause;
    return std::nullopt;
  }
  return index;
}

void ThreadBarrier::abort() {
  Hold hold(mutex_);
  break_off(BarrierCause::kAbort);
}

void ThreadBarrier::reset() {
  Hold hold(mutex_);
  broken_ = BarrierCause::kNone;
  if (round_->arrived > 0) {
    end(*round_, false, BarrierCause::kReset);
  }
}

bool ThreadBarrier::broken() const {
  Hold hold(mutex_);
  return broken_ != BarrierCause::kNone;
}

int ThreadBarrier::waiting() const {
  Hold hold(mutex_);
  return round_->arrived;
}

}  // namespace mp::internal
