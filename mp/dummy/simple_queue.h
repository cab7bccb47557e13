// mp/dummy/simple_queue.h
//
// SimpleQueue: mp::SimpleQueue between the threads of one process. Python: queue.SimpleQueue.
//
//   mp::dummy::SimpleQueue<std::string> q;
//   q.put("hello");
//   std::cout << q.get() << '\n';
//
// Handles    Copying a SimpleQueue makes another handle to the same queue.
// Safety     Any method, any thread of this process.
// Ordering   As mp::dummy::Queue's.
// Blocking   get() while the queue is empty.
// Cost       That of mp::dummy::Queue.
// Death      A thread that ends leaves its messages in the queue.
// Crossing   To other threads, in any way. Not to other processes: mp::SimpleQueue does that.
// Python     close() as mp::SimpleQueue has it, but of one handle.

#ifndef MP_DUMMY_SIMPLE_QUEUE_H_
#define MP_DUMMY_SIMPLE_QUEUE_H_

#include <ostream>
#include <string>
#include <utility>

#include "mp/dummy/queue.h"
#include "mp/errors.h"

namespace mp::dummy {

template <class T = Object>
class SimpleQueue {
 public:
  using value_type = T;

  // Puts a message at the end. Throws mp::OSError "handle is closed" after close().
  void put(const T& value) const {
    check_open();
    queue_.put(value);
  }
  void put(T&& value) const {
    check_open();
    queue_.put(std::move(value));
  }
  // Takes the first message. Throws mp::OSError after close().
  T get() const {
    check_open();
    return queue_.get();
  }
  // Whether no message waits; it may have changed before you look. Throws mp::OSError after close().
  bool empty() const {
    check_open();
    return queue_.empty();
  }
  // This handle, and later copies of it, use the queue no more. Again does nothing.
  void close() const noexcept { queue_.close(); }

  friend bool operator==(const SimpleQueue& a, const SimpleQueue& b) noexcept {
    return a.queue_ == b.queue_;
  }
  // "<queue.SimpleQueue object at 0x7f...>"
  friend std::string repr(const SimpleQueue& q) {
    return internal::ThreadQueueAccess::core(q.queue_).repr("SimpleQueue");
  }
  friend std::ostream& operator<<(std::ostream& out, const SimpleQueue& q) {
    return out << repr(q);
  }

 private:
  void check_open() const {
    if (internal::ThreadQueueAccess::closed(queue_)) {
      raise(OSError("handle is closed").status());
    }
  }

  Queue<T> queue_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_SIMPLE_QUEUE_H_
