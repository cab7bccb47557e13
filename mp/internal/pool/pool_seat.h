// mp/internal/pool/pool_seat.h
//
// What a PoolCore knows of a worker. Of its own sources only; with its mutex_, all of it.

#ifndef MP_INTERNAL_POOL_POOL_SEAT_H_
#define MP_INTERNAL_POOL_POOL_SEAT_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "mp/errors.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/pool/desk.h"
#include "mp/internal/pool/pool_bug.h"
#include "mp/internal/pool/pool_core.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"

namespace mp::internal {

// Bytes of tasks from which a worker that has one gets no more.
inline constexpr size_t kWindowBytes = size_t{1} << 20;
// Messages that a worker has not read, and may have been taken back, from which it gets no more.
inline constexpr uint64_t kMostUnread = 2 * kWindow;
// Tasks that are handed over, and results that are read, in one go.
inline constexpr size_t kBatch = 64;
// From SIGTERM to SIGKILL.
inline constexpr int64_t kGraceNs = 500'000'000;

// Why a worker is killed: the task that is to end by it.
struct PoolCore::Verdict {
  uint64_t ticket = 0;
  std::exception_ptr error;
};

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
    const uint64_t received = planted(PoolBug::kCloggedForGood) ? 0 : tasks.ring->received();
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
      process->join();
    } catch (const Error&) {
      // Somebody has joined and closed it.
    }
    return last_exitcode(*process).value_or(255);
  }
  // The task that the worker has begun and not answered, or has just answered.
  Task* running() const {
    // sync: pool-current.
    const uint64_t current = desk.book().current.load(std::memory_order_acquire);
    Task* found = nullptr;
    if (current != 0) {
      used.each([&](uint32_t slot) {
        const uint64_t ticket = slots[slot]->ticket;
        const bool it = planted(PoolBug::kLowestRuns) ? found == nullptr : ticket == current;
        if (it && desk.book().tasks[slot].is_running(ticket)) {
          found = slots[slot];
        }
      });
    }
    return found;
  }

  // The oldest of its tasks that the worker has not begun; 0: none.
  uint64_t oldest_waiting() const {
    uint64_t oldest = 0;
    used.each([&](uint32_t slot) {
      const uint64_t ticket = slots[slot]->ticket;
      if ((oldest == 0 || ticket < oldest) && desk.book().tasks[slot].is_queued(ticket)) {
        oldest = ticket;
      }
    });
    return oldest;
  }

  Desk desk;
  Channel<> channel;  // of results
  Channel<> tasks;
  std::optional<Process> process;  // once it is started: each Process that is made takes a number
  UniqueFd pidfd;                  // our own: whoever has a handle of workers() may close that
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
  uint64_t waited = 0;         // oldest_waiting() at the keeper's last look
  std::exception_ptr failure;  // of the initializer
  Verdict verdict;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_POOL_SEAT_H_
