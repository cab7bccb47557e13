// mp/dummy/event.h
//
// Event: mp::Event between the threads of one process. Python: multiprocessing.dummy.Event.
//
//   mp::dummy::Event ready;
//   std::thread t([ready] { load(); ready.set(); });
//   ready.wait();
//
// Handles    Copying an Event makes another handle to the same flag; the last one frees it.
// Safety     Any method, any thread of this process. Not in a signal handler: mp::Event is for that.
// Ordering   What a thread did before set() is visible to a thread after its wait() or is_set()
//            returned true.
// Blocking   wait() only.
// Cost       is_set(): one load. set(), nobody waiting: one uncontended mutex.
// Death      A thread that ends does not wait any more.
// Crossing   To other threads, in any way. Not to other processes: mp::Event does that.
// Python     As threading.Event.

#ifndef MP_DUMMY_EVENT_H_
#define MP_DUMMY_EVENT_H_

#include <iosfwd>
#include <memory>
#include <string>

#include "mp/timeout.h"

namespace mp::internal {
class ThreadEvent;
}

namespace mp::dummy {

class Event {
 public:
  // A clear event.
  Event();

  // Whether it is set. A snapshot.
  bool is_set() const noexcept;

  // Sets the flag and wakes everybody who waits.
  void set() const noexcept;

  // Clears the flag. Who was waiting when it was set returns true all the same.
  void clear() const noexcept;

  // Waits until the flag is set: true; false when `timeout` ran out first. 0 polls.
  bool wait(Timeout timeout = kForever) const;

  friend bool operator==(const Event& a, const Event& b) noexcept { return a.core_ == b.core_; }

 private:
  friend std::string repr(const Event& event);
  std::shared_ptr<internal::ThreadEvent> core_;
};

// "<threading.Event at 0x55d0a1b2c3d0: unset>"
std::string repr(const Event& event);
std::ostream& operator<<(std::ostream& out, const Event& event);

}  // namespace mp::dummy

#endif  // MP_DUMMY_EVENT_H_
