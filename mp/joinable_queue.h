// mp/joinable_queue.h
//
// JoinableQueue: a Queue whose messages are tasks: who gets one says when it is finished, and others
// wait until all are. Python: multiprocessing.JoinableQueue.
//
//   void work(mp::JoinableQueue<Job> q) {
//     for (;;) {
//       run(q.get());
//       q.task_done();
//     }
//   }
//
//   mp::JoinableQueue<Job> q;
//   q.put(job);
//   q.join();                      // until each job that was put is finished
//
// Handles    Copying a JoinableQueue makes another handle to the same queue.
// Safety     Any method, any thread, any process that holds a handle.
// Ordering   As a Queue's. What was done before the task_done() that finishes the last task is
//            visible after join().
// Blocking   As a Queue's; join() until no task is unfinished. It sleeps over the tasks, and wakes
//            when the last one is finished, also if its task_done() is killed.
// Cost       put: a Queue's. get and task_done: a Lease's and its ack. Nothing is counted: what is
//            unfinished is what waits and what is leased.
// Death      Of a worker between get() and task_done(): its tasks come back and are the next to be
//            taken; join() waits for them. Inside task_done(): the task is finished or comes back.
//            What a process has got and not finished comes back, too, when its last handle goes.
// Crossing   Any way, as itself: it is not taken for a Queue.
// Python     There a worker that dies hangs join() for ever. task_done() means the oldest task that
//            the calling thread has, else that the process has, else that anybody has, else the next.

#ifndef MP_JOINABLE_QUEUE_H_
#define MP_JOINABLE_QUEUE_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/outstanding_gets.h"
#include "mp/internal/core/queue_core.h"
#include "mp/internal/core/queue_iterator.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/interrupt.h"
#include "mp/queue.h"
#include "mp/timeout.h"

namespace mp {

template <class T = Object>
class JoinableQueue {
 public:
  using value_type = T;
  using iterator = internal::QueueIterator<JoinableQueue>;

  // As Queue(maxsize).
  explicit JoinableQueue(int64_t maxsize = 0) : JoinableQueue(Queue<T>(maxsize)) {}

  // As Queue's.
  void put(const T& value, Timeout timeout = kForever) const { queue_.put(value, timeout); }
  void put_nowait(const T& value) const { queue_.put_nowait(value); }
  absl::Status try_put(const T& value, Timeout timeout = 0) const {
    return queue_.try_put(value, timeout);
  }
  template <std::same_as<bool> B>
  void put(const T& value, B block, Timeout timeout = kForever) const = delete;  // put_nowait()
  template <class Range>
  void put_many(const Range& values, Timeout timeout = kForever) const {
    queue_.put_many(values, timeout);
  }
  void put_many(std::initializer_list<T> values, Timeout timeout = kForever) const {
    queue_.put_many(values, timeout);
  }

  // As Queue's; what came is unfinished until task_done(), also when it is no T.
  T get(Timeout timeout = kForever) const {
    absl::StatusOr<T> value = try_get(timeout);
    if (!value.ok()) [[unlikely]] {
      core().raise_get(value.status());
    }
    return *std::move(value);
  }
  T get_nowait() const { return get(0); }
  absl::StatusOr<T> try_get(Timeout timeout = 0) const;
  template <std::same_as<bool> B>
  T get(B block, Timeout timeout = kForever) const = delete;  // get_nowait()
  // The same as an object of its own: its ack() is the task_done().
  Lease<T> get_lease(Timeout timeout = kForever) const { return queue_.get_lease(timeout); }
  Lease<T> get_lease_nowait() const { return queue_.get_lease_nowait(); }
  absl::StatusOr<Lease<T>> try_get_lease(Timeout timeout = 0) const {
    return queue_.try_get_lease(timeout);
  }

  // A task is finished. Throws mp::ValueError when none is unfinished.
  void task_done() const;
  // Waits until no task is unfinished: true. False when some were until `timeout`. After
  // shutdown(true) what waits is no task any more.
  bool join(Timeout timeout = kForever) const {
    bool joined = core().join(internal::Deadline::after(timeout));
    if (!joined) {
      internal::raise_if_interrupted();
    }
    return joined;
  }

  // As Queue's.
  uint64_t qsize() const { return queue_.qsize(); }
  bool empty() const { return queue_.empty(); }
  bool full() const { return queue_.full(); }
  void close() const noexcept { queue_.close(); }
  void join_thread() const { queue_.join_thread(); }
  void cancel_join_thread() const noexcept {}
  void shutdown(bool immediate = false) const { queue_.shutdown(immediate); }

  // Iterating gets until shutdown.
  iterator begin() const { return iterator(this); }
  iterator end() const { return iterator(); }

  friend bool operator==(const JoinableQueue& a, const JoinableQueue& b) noexcept {
    return a.queue_ == b.queue_;
  }
  // "<multiprocessing.queues.JoinableQueue object at 0x1a40>"
  friend std::string repr(const JoinableQueue& q) { return q.core().repr(); }
  friend std::ostream& operator<<(std::ostream& out, const JoinableQueue& q) {
    return out << repr(q);
  }

 private:
  friend Codec<JoinableQueue>;
  explicit JoinableQueue(Queue<T> queue)
      : queue_(std::move(queue)), gets_(internal::OutstandingGets::of(core())) {
    internal::QueueAccess::core(queue_).set_class_name("JoinableQueue");
  }
  const internal::QueueCore& core() const { return internal::QueueAccess::core(queue_); }

  Queue<T> queue_;
  std::shared_ptr<internal::OutstandingGets> gets_;
};

template <class T>
absl::StatusOr<T> JoinableQueue<T>::try_get(Timeout timeout) const {
  if (absl::Status s = core().check_open(); !s.ok()) [[unlikely]] {
    return s;
  }
  internal::QueueCore::Leased leased;
  absl::StatusOr<T> value = absl::UnavailableError("");
  try {
    absl::Status s = core().lease(leased, false, internal::Deadline::after(timeout));
    if (!s.ok()) {
      return core().explain(s, false);
    }
    value = internal::decode_message<T>(leased.bytes(), leased.received());
  } catch (const Error& e) {
    value = e.status();
  }
  if (leased.attempt() != 0) [[likely]] {
    gets_->add(std::move(leased));
  } else {
    // Somebody has called task_done() for it before.
    leased.acknowledge();
  }
  return value;
}

template <class T>
void JoinableQueue<T>::task_done() const {
  for (internal::QueueCore::Leased got; (got = gets_->take());) {
    if (got.acknowledge()) {
      return;
    }
    // Somebody else has called task_done() for it.
  }
  absl::StatusOr<bool> done = core().finish_any();
  internal::raise_if_error(done.status());
  if (!*done) {
    raise(internal::value_error("task_done() called too many times"));
  }
}

template <class T>
struct Codec<JoinableQueue<T>> {
  static Encoder::Ref encode(Encoder& e, const JoinableQueue<T>& q) {
    const Encoder::Ref parts[] = {Codec<Queue<T>>::encode(e, q.queue_)};
    return internal::encode_handle(e, "mp::JoinableQueue", parts);
  }
  static JoinableQueue<T> decode(const Reader& r) {
    Reader parts = internal::decode_handle("mp::JoinableQueue", 1, r);
    return JoinableQueue<T>(Codec<Queue<T>>::decode(parts[0]));
  }
};

}  // namespace mp

#endif  // MP_JOINABLE_QUEUE_H_
