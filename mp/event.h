// mp/event.h
//
// Event: a flag that processes set, clear and wait for. Python: multiprocessing.Event.
//
//   void serve(mp::Event ready) { load(); ready.set(); ... }
//
//   mp::Event ready;
//   mp::Process p(serve, ready);
//   p.start();
//   if (!ready.wait(5.0)) std::puts("still loading");
//
// Handles    Copying an Event makes another handle to the same flag.
// Safety     Any method, any thread, any process that holds a handle. set(), clear() and is_set()
//            are lock-free and may be called in a signal handler.
// Ordering   What a process did before set() is visible to a process after its wait() or is_set()
//            returned true, and after the clear() that undoes it.
// Blocking   wait() only: it spins for as long as a wake-up takes, then sleeps.
// Cost       is_set(): one load. set(): one compare-and-swap, and no system call unless somebody
//            waits; then one wakes all. clear(): one compare-and-swap. 64 bytes shared.
// Death      Killed inside any call: the flag is set or clear. A dead or stopped waiter delays
//            nobody. A setter killed between setting and waking: waiters notice within a tenth of a
//            second, or at the next set().
// Crossing   Any way: fork, Process argument, through a queue or pipe of the family.
// Python     wait() returns true when the flag was set during it, also if it was cleared at once
//            (there: false, with no timeout given). A killed waiter blocks no set().

#ifndef MP_EVENT_H_
#define MP_EVENT_H_

#include <iosfwd>
#include <string>

#include "mp/internal/core/handle.h"
#include "mp/timeout.h"

namespace mp {

class Event {
 public:
  // A clear event that child processes can share. Throws mp::MemoryError, mp::OSError.
  Event();

  // Whether it is set. A snapshot.
  bool is_set() const noexcept;

  // Sets the flag and wakes everybody who waits.
  void set() const noexcept;

  // Clears the flag. Who was waiting when it was set returns true all the same.
  void clear() const noexcept;

  // Waits until the flag is set: true; false when `timeout` ran out first. 0 polls.
  bool wait(Timeout timeout = kForever) const;

  friend bool operator==(const Event& a, const Event& b) noexcept { return a.ref_ == b.ref_; }

 private:
  friend internal::HandleAccess;
  explicit Event(internal::Ref ref) : ref_(std::move(ref)) {}
  internal::Ref ref_;
};

// "<Event at 0x1a40 unset>", "<Event at 0x1a40 set>"
std::string repr(const Event& event);
std::ostream& operator<<(std::ostream& out, const Event& event);

template <>
struct Codec<Event> : internal::HandleCodec<Event, internal::Kind::kEvent> {};

}  // namespace mp

#endif  // MP_EVENT_H_
