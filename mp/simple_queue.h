// mp/simple_queue.h
//
// SimpleQueue: a Queue with put, get and empty alone. Python: multiprocessing.SimpleQueue.
//
//   mp::SimpleQueue<std::string> q;
//   q.put("hello");
//   std::cout << q.get() << '\n';
//
// Handles    Copying a SimpleQueue makes another handle to the same queue.
// Safety     Any method, any thread, any process that holds a handle.
// Ordering   As a Queue's.
// Blocking   get() while the queue is empty. put() waits for no reader, and starts no thread.
// Cost       A Queue's.
// Death      As with a Queue.
// Crossing   Any way, as itself: it is not taken for a Queue.
// Python     It is a pipe and two locks there; put() waits once 64 KiB are unread.

#ifndef MP_SIMPLE_QUEUE_H_
#define MP_SIMPLE_QUEUE_H_

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/queue_core.h"
#include "mp/queue.h"
#include "mp/timeout.h"

namespace mp {

template <class T = Object>
class SimpleQueue {
 public:
  using value_type = T;

  // Throws mp::MemoryError, mp::OSError.
  SimpleQueue() : SimpleQueue(Queue<T>()) {}

  // Puts a message at the end. Throws mp::MemoryError, mp::OSError "handle is closed" after close().
  void put(const T& value) const {
    check_open();
    queue_.put(value);
  }
  // Takes the first message. Throws mp::TypeError when it is not a T (it is taken off all the same),
  // mp::OSError after close().
  T get() const {
    check_open();
    return queue_.get();
  }
  // Whether no message waits; it may have changed before you look. Throws mp::OSError after close().
  bool empty() const {
    check_open();
    return queue_.empty();
  }
  // This process uses the queue no more. Again does nothing.
  void close() const noexcept { queue_.close(); }

  friend bool operator==(const SimpleQueue& a, const SimpleQueue& b) noexcept {
    return a.queue_ == b.queue_;
  }
  // "<multiprocessing.queues.SimpleQueue object at 0x1a40>"
  friend std::string repr(const SimpleQueue& q) {
    return internal::QueueAccess::core(q.queue_).repr();
  }
  friend std::ostream& operator<<(std::ostream& out, const SimpleQueue& q) {
    return out << repr(q);
  }

 private:
  friend Codec<SimpleQueue>;
  explicit SimpleQueue(Queue<T> queue) : queue_(std::move(queue)) {
    internal::QueueAccess::core(queue_).set_class_name("SimpleQueue");
  }
  void check_open() const {
    if (!internal::QueueAccess::core(queue_).check_open().ok()) {
      raise(OSError("handle is closed").status());
    }
  }

  Queue<T> queue_;
};

template <class T>
struct Codec<SimpleQueue<T>> {
  static Encoder::Ref encode(Encoder& e, const SimpleQueue<T>& q) {
    const Encoder::Ref parts[] = {Codec<Queue<T>>::encode(e, q.queue_)};
    return internal::encode_handle(e, "mp::SimpleQueue", parts);
  }
  static SimpleQueue<T> decode(const Reader& r) {
    Reader parts = internal::decode_handle("mp::SimpleQueue", 1, r);
    return SimpleQueue<T>(Codec<Queue<T>>::decode(parts[0]));
  }
};

}  // namespace mp

#endif  // MP_SIMPLE_QUEUE_H_
