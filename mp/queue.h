// mp/queue.h
//
// Queue: a first-in, first-out queue that processes and threads put messages into and get them
// from. Python: multiprocessing.Queue.
//
//   void f(mp::Queue<std::string> q) { q.put("hello world"); }
//
//   mp::Queue<std::string> q;
//   mp::Process p(f, q);
//   p.start();
//   std::cout << q.get() << '\n';
//
// Handles    Copying a Queue makes another handle to the same queue.
// Safety     Any method, any thread, any process that holds a handle. The queue is one order:
//            it is linearizable.
// Ordering   What a producer did before put() is visible to the process whose get() returns that
//            message.
// Blocking   get() while the queue is empty, put() while it holds maxsize messages; both spin a few
//            microseconds, then sleep. put() waits for nothing else and has no feeder thread: when
//            it returns, the message is in the queue and survives this process. A producer that is
//            far ahead spends up to ten microseconds per 16 KiB to let consumers catch up.
// Cost       put: one copy into shared memory, two atomic exchanges, no system call unless somebody
//            sleeps; get: the same. An idle queue takes 17 KiB.
// Death      A producer or consumer killed inside any call: the message is whole or was never
//            there, and is delivered once. After get() returned it is the getter's and dies with
//            it; what get_lease() returned comes back. Nobody else waits for the dead.
// Crossing   Any way; handles, queues among them, may be inside messages.
// Python     No feeder thread and so no "join before drain" deadlock; empty() after put() is false;
//            closing is local, and only put and get mind it. block=False is get_nowait().

#ifndef MP_QUEUE_H_
#define MP_QUEUE_H_

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/internal/core/queue_core.h"
#include "mp/internal/core/queue_iterator.h"
#include "mp/lease.h"
#include "mp/message_view.h"
#include "mp/timeout.h"

namespace mp {

class Object;

namespace internal {
// For the classes that are made of a Queue.
struct QueueAccess {
  template <class Q>
  static auto& core(Q& queue) noexcept {
    return queue.core_;
  }
};
}  // namespace internal

template <class T = Object>
class Queue {
 public:
  using value_type = T;

  // At most `maxsize` messages; 0 or less: no bound. Throws mp::MemoryError, mp::OSError.
  explicit Queue(int64_t maxsize = 0) : core_(maxsize > 0 ? static_cast<uint64_t>(maxsize) : 0, 0) {
    // Not in the class: a struct may have a Queue of itself.
    static_assert(internal::require_shippable<T>());
  }

  // Puts a message at the end. Throws mp::Full when the queue stayed full until `timeout`,
  // mp::MemoryError when the family's budget is used up (the queue stays as it was), mp::ShutDown,
  // mp::ValueError after close().
  void put(const T& value, Timeout timeout = kForever) const {
    internal::raise_if_error(try_put(value, timeout));
  }
  void put_nowait(const T& value) const { put(value, 0); }
  // The same, with the error as a value: kUnavailable when full.
  absl::Status try_put(const T& value, Timeout timeout = 0) const;

  template <std::same_as<bool> B>
  void put(const T& value, B block, Timeout timeout = kForever) const = delete;  // put_nowait()

  // Takes the first message. Throws mp::Empty when none came until `timeout`, mp::ShutDown,
  // mp::TypeError when the message is not a T (it is taken off all the same), mp::ValueError after
  // close().
  T get(Timeout timeout = kForever) const {
    absl::StatusOr<T> value = try_get(timeout);
    if (!value.ok()) [[unlikely]] {
      core_.raise_get(value.status());
    }
    return *std::move(value);
  }
  T get_nowait() const { return get(0); }
  // The same, with Empty and ShutDown as values: kUnavailable, kCancelled.
  absl::StatusOr<T> try_get(Timeout timeout = 0) const;
  template <std::same_as<bool> B>
  T get(B block, Timeout timeout = kForever) const = delete;  // get_nowait()

  // get(), but the message comes back, as the first, if it is not acknowledged; see Lease. It frees
  // its place of `maxsize`, and may pass it when it comes back. After shutdown() it comes back all
  // the same, after an immediate one it is lost.
  Lease<T> get_lease(Timeout timeout = kForever) const {
    absl::StatusOr<Lease<T>> lease = try_get_lease(timeout);
    if (!lease.ok()) {
      core_.raise_get(lease.status());
    }
    return *std::move(lease);
  }
  Lease<T> get_lease_nowait() const { return get_lease(0); }
  absl::StatusOr<Lease<T>> try_get_lease(Timeout timeout = 0) const;

  // get() without a copy of a large message, for strings, mp::Bytes and vectors of numbers; see
  // MessageView.
  MessageView<T> get_view(Timeout timeout = kForever) const {
    absl::StatusOr<MessageView<T>> view = try_get_view(timeout);
    if (!view.ok()) {
      core_.raise_get(view.status());
    }
    return *std::move(view);
  }
  MessageView<T> get_view_nowait() const { return get_view(0); }
  absl::StatusOr<MessageView<T>> try_get_view(Timeout timeout = 0) const;

  // Puts all of `values` in order, many at a time; each part of them is visible at once and as a
  // whole. When `timeout` runs out before the last, what was put stays, and Full::put() says how
  // many that is; other errors of the queue say it in their text.
  template <class Range>
  void put_many(const Range& values, Timeout timeout = kForever) const;
  void put_many(std::initializer_list<T> values, Timeout timeout = kForever) const {
    put_many<std::initializer_list<T>>(values, timeout);
  }

  // Takes the messages that are there, at most `max`; waits until there is one. Empty when
  // `timeout` ran out.
  std::vector<T> get_many(size_t max, Timeout timeout = kForever) const {
    std::vector<T> values;
    get_many(values, max, timeout);
    return values;
  }
  // The same in the place of what `values` holds, whose memory is used again: a loop over one
  // vector of strings allocates nothing. After an error it holds what was taken before it.
  void get_many(std::vector<T>& values, size_t max, Timeout timeout = kForever) const;

  // How many messages wait, those that came back among them and leases not. Exact at the moment it
  // looks; it may have changed before you do. These work after close() too.
  uint64_t qsize() const { return core_.size(); }
  bool empty() const { return core_.size() == 0; }
  // Whether a put would wait.
  bool full() const { return core_.full(); }

  // This process puts and gets no more: later calls here throw mp::ValueError.
  void close() const noexcept { core_.close(); }
  // Nothing: what put() returned from is in the queue. Throws mp::AssertionError before close().
  void join_thread() const { internal::raise_if_error(core_.check_closed()); }
  // Nothing.
  void cancel_join_thread() const noexcept {}
  // Nobody puts any more, and nobody gets once it is empty (`immediate`: at once). Wakes all who
  // wait, everywhere.
  void shutdown(bool immediate = false) const { core_.shutdown(immediate); }

  // Iterating takes messages until shutdown.
  using iterator = internal::QueueIterator<Queue>;
  iterator begin() const { return iterator(this); }
  iterator end() const { return iterator(); }

  friend bool operator==(const Queue& a, const Queue& b) noexcept {
    return a.core_.ref() == b.core_.ref();
  }

 private:
  friend Codec<Queue>;
  friend internal::QueueAccess;
  template <class U>
  friend std::string repr(const Queue<U>& q);
  explicit Queue(internal::Ref ref) : core_(std::move(ref)) {}

  internal::QueueCore core_;
};

// "<multiprocessing.queues.Queue object at 0x1a40>"
template <class T>
std::string repr(const Queue<T>& q) {
  return q.core_.repr();
}
template <class T>
std::ostream& operator<<(std::ostream& out, const Queue<T>& q) {
  return out << repr(q);
}

template <class T>
struct Codec<Queue<T>> {
  static Encoder::Ref encode(Encoder& e, const Queue<T>& q) {
    return internal::encode_ref(e, internal::Kind::kQueue, q.core_.ref());
  }
  static Queue<T> decode(const Reader& r) {
    return Queue<T>(internal::decode_ref(internal::Kind::kQueue, r));
  }
};

}  // namespace mp

#include "mp/internal/core/queue_inl.h"

#endif  // MP_QUEUE_H_
