// mp/dummy/joinable_queue.h
//
// JoinableQueue: mp::JoinableQueue between the threads of one process. Python:
// multiprocessing.dummy.JoinableQueue, which is queue.Queue.
//
//   mp::dummy::JoinableQueue<Job> q;
//   std::thread t([q] { for (const Job& job : q) { run(job); q.task_done(); } });
//   q.put(job);
//   q.join();                      // until each job that was put is finished
//
// Handles    Copying a JoinableQueue makes another handle to the same queue.
// Safety     Any method, any thread of this process.
// Ordering   As mp::dummy::Queue's. What was done before the task_done() that finishes the last task is
//            visible after join().
// Blocking   As mp::dummy::Queue's; join() until no task is unfinished.
// Cost       That of mp::dummy::Queue; task_done() an uncontended mutex.
// Death      A task of a thread that ends stays unfinished until somebody calls task_done(); one that it
//            has as a lease comes back.
// Crossing   To other threads, in any way. Not to other processes: mp::JoinableQueue does that.
// Python     task_done() means what it means for mp::JoinableQueue.

#ifndef MP_DUMMY_JOINABLE_QUEUE_H_
#define MP_DUMMY_JOINABLE_QUEUE_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/dummy/lease.h"
#include "mp/dummy/queue.h"
#include "mp/errors.h"
#include "mp/internal/core/queue_iterator.h"
#include "mp/internal/core/thread_id.h"
#include "mp/internal/os/clock.h"
#include "mp/timeout.h"

namespace mp::dummy {

template <class T = Object>
class JoinableQueue {
 public:
  using value_type = T;
  using iterator = internal::QueueIterator<JoinableQueue>;

  // As Queue(maxsize).
  explicit JoinableQueue(int64_t maxsize = 0) : queue_(maxsize) {}

  // As Queue's.
  void put(const T& value, Timeout timeout = kForever) const { queue_.put(value, timeout); }
  void put(T&& value, Timeout timeout = kForever) const { queue_.put(std::move(value), timeout); }
  void put_nowait(const T& value) const { queue_.put_nowait(value); }
  absl::Status try_put(const T& value, Timeout timeout = 0) const {
    return queue_.try_put(value, timeout);
  }
  template <class Range>
  void put_many(const Range& values, Timeout timeout = kForever) const {
    queue_.put_many(values, timeout);
  }

  // As Queue's; what came is unfinished until task_done().
  T get(Timeout timeout = kForever) const {
    absl::StatusOr<T> value = try_get(timeout);
    if (!value.ok()) [[unlikely]] {
      internal::ThreadQueueAccess::core(queue_).raise_get(value.status());
    }
    return *std::move(value);
  }
  T get_nowait() const { return get(0); }
  absl::StatusOr<T> try_get(Timeout timeout = 0) const {
    auto item = internal::ThreadQueueAccess::take(queue_, timeout, internal::thread_id());
    if (!item.ok()) {
      return item.status();
    }
    return std::move(item->value);
  }
  // The same as an object of its own: its ack() is the task_done().
  Lease<T> get_lease(Timeout timeout = kForever) const { return queue_.get_lease(timeout); }
  Lease<T> get_lease_nowait() const { return queue_.get_lease_nowait(); }
  absl::StatusOr<Lease<T>> try_get_lease(Timeout timeout = 0) const {
    return queue_.try_get_lease(timeout);
  }

  // A task is finished. Throws mp::ValueError when none is unfinished.
  void task_done() const {
    if (!internal::ThreadQueueAccess::core(queue_).finish_any(internal::thread_id())) {
      raise(internal::value_error("task_done() called too many times"));
    }
  }
  // Waits until no task is unfinished: true. False when some were until `timeout`. After
  // shutdown(true) what waits is no task any more.
  bool join(Timeout timeout = kForever) const {
    return internal::ThreadQueueAccess::core(queue_).join(internal::Deadline::after(timeout));
  }

  // As Queue's.
  uint64_t qsize() const { return queue_.qsize(); }
  bool empty() const { return queue_.empty(); }
  bool full() const { return queue_.full(); }
  void close() const noexcept { queue_.close(); }
  void shutdown(bool immediate = false) const { queue_.shutdown(immediate); }

  // Iterating gets until shutdown.
  iterator begin() const { return iterator(this); }
  iterator end() const { return iterator(); }

  friend bool operator==(const JoinableQueue& a, const JoinableQueue& b) noexcept {
    return a.queue_ == b.queue_;
  }
  // "<queue.Queue object at 0x7f...>"
  friend std::string repr(const JoinableQueue& q) { return repr(q.queue_); }
  friend std::ostream& operator<<(std::ostream& out, const JoinableQueue& q) {
    return out << repr(q);
  }

 private:
  Queue<T> queue_;
};

}  // namespace mp::dummy

// It has begin() and end(), but is no sequence to be sent to another process.
template <class T>
struct mp::Codec<mp::dummy::JoinableQueue<T>> {
  using CannotCross = void;
};

#endif  // MP_DUMMY_JOINABLE_QUEUE_H_
