// mp/dummy/internal/thread_queue.h
//
// ThreadQueue: what mp::dummy::Queue<T> is without its T: who may put, who may get, who waits.
// Errors are statuses; the public class raises them.

#ifndef MP_DUMMY_INTERNAL_THREAD_QUEUE_H_
#define MP_DUMMY_INTERNAL_THREAD_QUEUE_H_

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "mp/dummy/internal/wait.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

class ThreadQueue {
 public:
  // Holds the mutex that guards the queue and what is in it.
  using Hold = std::unique_lock<std::mutex>;

  // maxsize 0: no bound.
  explicit ThreadQueue(uint64_t maxsize) noexcept : maxsize_(maxsize) {}

  Hold hold() const { return Hold(mutex_); }

  // Waits until a put is possible: kUnavailable when it was not until `deadline`, kCancelled after
  // shutdown().
  absl::Status await_room(Hold& hold, Deadline deadline) {
    return fits(size_) && !no_puts_ ? absl::OkStatus() : wait_for_room(hold, deadline);
  }
  // The same for a get.
  absl::Status await_item(Hold& hold, Deadline deadline) {
    return size_ != 0 && !no_gets_ ? absl::OkStatus() : wait_for_item(hold, deadline);
  }
  // Whether there is room for one more than `size` items.
  bool fits(uint64_t size) const noexcept { return maxsize_ == 0 || size < maxsize_; }

  // There are `size` items now: gives the mutex back and wakes who waits for that.
  void changed(Hold& hold, uint64_t size) {
    uint64_t before = std::exchange(size_, size);
    if (size > before) {
      wake(hold, filled_, std::min(getters_, size - before));
    } else {
      wake(hold, emptied_, std::min(putters_, before - size));
    }
  }

  uint64_t size() const;
  uint64_t maxsize() const noexcept { return maxsize_; }
  void shutdown(bool immediate);

  // -- Of tasks; with the mutex --

  // Nobody gets any more.
  bool gets_ended() const noexcept { return no_gets_; }
  // Waits until `finished()`; false when it was not so until `deadline`.
  template <class Finished>
  bool await_finished(Hold& hold, Deadline deadline, const Finished& finished) {
    ++joiners_;
    bool done = await(finished_, hold, deadline, finished);
    --joiners_;
    return done;
  }
  // All may be finished now: gives the mutex back and wakes who waits for that.
  void tell_joiners(Hold& hold) { wake(hold, finished_, joiners_ == 0 ? 0 : joiners_ + 1); }

  // Raises what a get returned; an Empty gets its text here.
  [[noreturn]] void raise_get(const absl::Status& status) const;

  // Errors with their texts.
  absl::Status closed_error() const;
  absl::Status full_error() const;
  absl::Status empty_error() const;
  absl::Status shut_down_error() const;

  // "<queue.Queue object at 0x7f...>"
  std::string repr(const char* class_name = "Queue") const;

 private:
  absl::Status wait_for_room(Hold& hold, Deadline deadline);
  absl::Status wait_for_item(Hold& hold, Deadline deadline);
  static void wake(Hold& hold, std::condition_variable& waiters, uint64_t count) {
    hold.unlock();
    if (count == 1) {
      waiters.notify_one();
    } else if (count != 0) {
      waiters.notify_all();
    }
  }

  mutable std::mutex mutex_;
  // Guarded by it.
  uint64_t size_ = 0;
  uint64_t getters_ = 0;  // who waits for an item
  uint64_t putters_ = 0;  // who waits for room
  uint64_t joiners_ = 0;  // who waits until all tasks are finished
  bool no_puts_ = false;
  bool no_gets_ = false;

  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::condition_variable finished_;
  const uint64_t maxsize_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_QUEUE_H_
