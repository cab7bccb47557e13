// mp/dummy/internal/thread_event.h
//
// ThreadEvent: what mp::dummy::Event is behind its handles.
//
// Field     written by             rule
// changes_  set, clear, in mutex_  how often the flag has changed: odd is set. Release on every
//                                  change, acquire on a look without the mutex
// mutex_    sets, clears, sleepers  between a sleeper's look at changes_ and its sleep nobody wakes

#ifndef MP_DUMMY_INTERNAL_THREAD_EVENT_H_
#define MP_DUMMY_INTERNAL_THREAD_EVENT_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "mp/internal/os/clock.h"

namespace mp::internal {

class ThreadEvent {
 public:
  bool is_set() const noexcept { return (changes_.load(std::memory_order_acquire) & 1) != 0; }
  void set() noexcept;
  void clear() noexcept;
  // False when it was not set until `deadline`, not even for a moment.
  bool wait(Deadline deadline);

 private:
  void change(bool to) noexcept;

  std::mutex mutex_;
  std::atomic<uint64_t> changes_{0};
  std::condition_variable was_set_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_EVENT_H_
