// mp/dummy/queue.h
//
// Queue: mp::Queue between the threads of one process. Python: multiprocessing.dummy.Queue.
//
//   mp::dummy::Queue<std::string> q;
//   std::thread t([q] { q.put("hello world"); });
//   std::cout << q.get() << '\n';
//
// Handles    Copying a Queue makes another handle to the same queue; the last one frees it and the
//            messages in it.
// Safety     Any method, any thread of this process. The queue as a whole is one order.
// Ordering   What a producer did before put() is visible to the thread whose get() returns that
//            message.
// Blocking   get() while the queue is empty, put() while it holds maxsize messages.
// Cost       One uncontended mutex and a move of the message each way, a system call only if
//            somebody sleeps. Nothing is serialized: T need not be able to cross.
// Death      A thread that ends leaves its messages in the queue.
// Crossing   To other threads, in any way. Not to other processes: mp::Queue does that.
// Python     close() and shutdown() as mp::Queue has them; close() is of one handle, since one
//            process holds them all. A view in a message (std::string_view) shows the sender's
//            memory.

#ifndef MP_DUMMY_QUEUE_H_
#define MP_DUMMY_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/dummy/internal/handle_flag.h"
#include "mp/dummy/internal/thread_items.h"
#include "mp/dummy/internal/thread_message.h"
#include "mp/dummy/lease.h"
#include "mp/dummy/message_view.h"
#include "mp/errors.h"
#include "mp/timeout.h"

namespace mp {
class Object;
}

namespace mp::internal {
// For the classes that are made of a dummy::Queue.
struct ThreadQueueAccess {
  template <class Q>
  static auto& core(const Q& queue) noexcept {
    return *queue.core_;
  }
  template <class Q>
  static bool closed(const Q& queue) noexcept {
    return queue.closed_.is_set();
  }
  template <class Q>
  static auto take(const Q& queue, Timeout timeout, uint32_t thread) {
    return queue.take(timeout, thread);
  }
};
}  // namespace mp::internal

namespace mp::dummy {

template <class T = Object>
class Queue {
 public:
  using value_type = T;

  // At most `maxsize` messages; 0 or less: no bound.
  explicit Queue(int64_t maxsize = 0)
      : core_(std::make_shared<Core>(maxsize > 0 ? static_cast<uint64_t>(maxsize) : 0)) {}

  // Puts a message at the end. Throws mp::Full when the queue stayed full until `timeout`,
  // mp::ShutDown, mp::ValueError after close().
  void put(const T& value, Timeout timeout = kForever) const {
    internal::raise_if_error(try_put(value, timeout));
  }
  void put(T&& value, Timeout timeout = kForever) const {
    internal::raise_if_error(try_put(std::move(value), timeout));
  }
  void put_nowait(const T& value) const { put(value, 0); }
  void put_nowait(T&& value) const { put(std::move(value), 0); }
  // The same, with the error as a value: kUnavailable when full, and then `value` is as it was.
  absl::Status try_put(const T& value, Timeout timeout = 0) const {
    return try_put(internal::copy_of(value), timeout);
  }
  absl::Status try_put(T&& value, Timeout timeout = 0) const;

  // Takes the first message. Throws mp::Empty when none came until `timeout`, mp::ShutDown,
  // mp::ValueError after close().
  T get(Timeout timeout = kForever) const {
    absl::StatusOr<T> value = try_get(timeout);
    if (!value.ok()) [[unlikely]] {
      core_->raise_get(value.status());
    }
    return *std::move(value);
  }
  T get_nowait() const { return get(0); }
  // The same, with Empty and ShutDown as values: kUnavailable, kCancelled.
  absl::StatusOr<T> try_get(Timeout timeout = 0) const;

  // get(), but the message comes back, as the first, if it is not acknowledged; see Lease. It frees
  // its place of `maxsize`. After shutdown() it comes back all the same, after an immediate one it
  // is lost.
  Lease<T> get_lease(Timeout timeout = kForever) const {
    absl::StatusOr<Lease<T>> lease = try_get_lease(timeout);
    if (!lease.ok()) {
      core_->raise_get(lease.status());
    }
    return *std::move(lease);
  }
  Lease<T> get_lease_nowait() const { return get_lease(0); }
  absl::StatusOr<Lease<T>> try_get_lease(Timeout timeout = 0) const;

  // get(), for code that is written for mp::Queue::get_view(); see MessageView.
  MessageView<T> get_view(Timeout timeout = kForever) const { return MessageView<T>(get(timeout)); }
  MessageView<T> get_view_nowait() const { return get_view(0); }
  absl::StatusOr<MessageView<T>> try_get_view(Timeout timeout = 0) const {
    absl::StatusOr<T> value = try_get(timeout);
    if (!value.ok()) {
      return value.status();
    }
    return MessageView<T>(*std::move(value));
  }

  // Puts all of `values` in order, many at a time; each part of them is visible at once and as a
  // whole.
  template <class Range>
  void put_many(const Range& values, Timeout timeout = kForever) const;

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

  // How many messages wait. Exact at the moment it looks; it may have changed before you do.
  uint64_t qsize() const { return core_->size(); }
  bool empty() const { return qsize() == 0; }
  bool full() const { return core_->maxsize() != 0 && qsize() >= core_->maxsize(); }

  // This handle, and later copies of it, put and get no more: calls here throw mp::ValueError.
  void close() const noexcept { closed_.set(); }
  // Nobody puts any more, and nobody gets once it is empty (`immediate`: at once). Wakes all who
  // wait.
  void shutdown(bool immediate = false) const { core_->shutdown(immediate); }

  // Iterating takes messages until shutdown.
  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = T*;
    using reference = T&;

    explicit iterator(const Queue* queue) : queue_(queue) { ++*this; }
    iterator() = default;
    T& operator*() const { return *value_; }
    iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, const iterator& b) {
      return a.value_.has_value() == b.value_.has_value();
    }

   private:
    const Queue* queue_ = nullptr;
    mutable std::optional<T> value_;
  };
  iterator begin() const { return iterator(this); }
  iterator end() const { return iterator(); }

  friend bool operator==(const Queue& a, const Queue& b) noexcept { return a.core_ == b.core_; }
  // "<queue.Queue object at 0x7f...>"
  friend std::string repr(const Queue& q) { return q.core_->repr(); }
  friend std::ostream& operator<<(std::ostream& out, const Queue& q) { return out << repr(q); }

 private:
  friend internal::ThreadQueueAccess;
  using Core = internal::ThreadItems<T>;
  using Change = typename Core::Change;
  // Takes the first message, which `thread`, or a lease if that is 0, then has.
  absl::StatusOr<typename Core::Item> take(Timeout timeout, uint32_t thread) const;
  absl::Status check_open() const {
    return closed_.is_set() ? core_->closed_error() : absl::OkStatus();
  }

  std::shared_ptr<Core> core_;
  internal::HandleFlag closed_;
};

}  // namespace mp::dummy

// It has begin() and end(), but is no sequence to be sent to another process.
template <class T>
struct mp::Codec<mp::dummy::Queue<T>> {
  using CannotCross = void;
};

#include "mp/dummy/internal/queue_inl.h"

#endif  // MP_DUMMY_QUEUE_H_
