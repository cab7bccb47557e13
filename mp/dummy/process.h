// mp/dummy/process.h
//
// Process: mp::Process as a thread of this process. Python: multiprocessing.dummy.Process.
//
//   mp::dummy::Process p([](mp::dummy::Queue<int> q) { q.put(1); }, q);
//   p.start();
//   p.join();
//
// Handles    Copying a Process makes another handle to the same thread. Dropping handles neither
//            ends nor waits: this process joins its threads when it ends in order, daemonic ones
//            excepted.
// Safety     Any method, any thread; start() only from the thread that made it.
// Ordering   What was done before start() is visible to the thread, what the thread did is visible
//            after join() returned true.
// Blocking   join() until the thread has ended.
// Cost       start: a thread.
// Death      A thread does not die alone.
// Crossing   Function and arguments are copied when the Process is made, and never encoded.
// Python     An exception is reported on stderr and ends the thread alone; exitcode() is 0 all the
//            same. terminate(), kill(), sentinel() are missing: a thread cannot be ended from
//            outside.

#ifndef MP_DUMMY_PROCESS_H_
#define MP_DUMMY_PROCESS_H_

#include <concepts>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mp/context.h"
#include "mp/internal/proc/target.h"
#include "mp/timeout.h"

namespace mp::internal {
class ThreadCore;
struct ThreadAccess;
}  // namespace mp::internal

namespace mp::dummy {

class Process {
 public:
  // As mp::Process::Options; threads have one way to start.
  struct Options {
    std::string name = {};            // "Thread-1" and so on if empty
    std::optional<bool> daemon = {};  // none: as the thread that makes it
    Context context = {};
  };

  // A thread that does nothing.
  Process() : Process(Options()) {}
  explicit Process(Options options);
  // A thread that calls f(args...); any callable.
  template <class F, class... A>
  requires(!std::derived_from<std::decay_t<F>, Process> &&
           !std::same_as<std::decay_t<F>, Options>) explicit Process(F&& f, A&&... args)
      : Process(Options(), std::forward<F>(f), std::forward<A>(args)...) {}
  template <class F, class... A>
  Process(Options options, F&& f, A&&... args)
      : Process(std::move(options),
                internal::keep_here(std::forward<F>(f), std::forward<A>(args)...)) {}

  // Throws mp::RuntimeError when it was started before, or from a thread that did not make it;
  // mp::OSError when there is no room for another thread, and then it may be started again.
  void start() const;
  absl::Status try_start() const;

  // Waits until the thread has ended; false when `timeout` ran out first. Throws mp::RuntimeError
  // before start(), and in the thread itself.
  bool join(Timeout timeout = kForever) const;
  // Whether it was started and has not ended.
  bool is_alive() const;
  // 0 when it has ended.
  std::optional<int> exitcode() const;
  // The kernel's number of the thread; 0 before start().
  int pid() const;

  std::string name() const;
  void set_name(std::string_view name) const;
  bool daemon() const;
  // Before start() only.
  void set_daemon(bool daemon) const;

  friend bool operator==(const Process& a, const Process& b) noexcept = default;

 private:
  friend internal::ThreadAccess;
  explicit Process(std::shared_ptr<internal::ThreadCore> core) : core_(std::move(core)) {}
  Process(Options options, std::unique_ptr<internal::Target> target);

  std::shared_ptr<internal::ThreadCore> core_;
};

// The thread this is called in.
Process current_process();
// The threads that this thread has started and that have not ended, in the order of their starts.
std::vector<Process> active_children();

// "<DummyProcess(Thread-1, started 4711)>"
std::string repr(const Process& process);
std::ostream& operator<<(std::ostream& out, const Process& process);

}  // namespace mp::dummy

#endif  // MP_DUMMY_PROCESS_H_
