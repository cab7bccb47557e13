// mp/process.h
//
// Process: a function that runs in a process of its own. Python: multiprocessing.Process.
//
//   void work(mp::Queue<std::string> q, int n);
//
//   int main(int argc, char** argv) {
//     mp::freeze_support(argc, argv);  // first line: spawn and forkserver run this program again
//     mp::Queue<std::string> q;
//     mp::Process p({.name = "worker"}, work, q, 3);
//     p.start();
//     p.join();
//     return p.exitcode() == 0 ? 0 : 1;
//   }
//
// Handles   Copying a Process makes another handle to the same process. Dropping handles neither
//           ends nor waits: a process nobody holds stays in active_children() until it has ended.
//           When a process ends in order it joins its children; daemonic ones get SIGTERM first,
//           and SIGKILL if that has not ended them after 5 s.
// Safety    Any method, any thread. Only the process that made it starts and joins it.
// Ordering  What the parent did before start() is visible to the child, and what the child did is
//           visible after join() returned true.
// Blocking  join() until the child has ended. start() until it exists, not until it runs, but for
//           Options::outlives_parent; starts of one process take turns. No thread is started.
// Cost      start: about a fork, a fork in another process, or an execution of this program.
//           One file descriptor as long as there is a handle. A child holds one for each process that
//           it ends with: its parent, and seven of those above.
// Death     The child dies anywhere: exitcode() says so, and what it held is free after join() or
//           is_alive(). The parent dies anywhere: its children are killed, theirs too, within
//           milliseconds and whatever they do, but for those with Options::outlives_parent. The
//           fork server dies: the next start() makes another; its running children run on, and
//           exitcode() may be 255.
// Crossing  A Process does not cross. Function and arguments do: anything that has a Codec. A
//           function with captures runs in a ForkProcess only. What cannot be copied, as an mp::Fd,
//           is given away: std::move(fd). The child's standard input is empty.
// Python    join() returns whether the process has ended. Children outlive their parent only if
//           asked to. Arguments are copied when the Process is made: what the function changes in an
//           object that it takes by reference is a copy, which goes with it, and one that takes a
//           number so does not compile. The function's result is ignored.

#ifndef MP_PROCESS_H_
#define MP_PROCESS_H_

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
#include "mp/internal/proc/shipped_target.h"
#include "mp/timeout.h"

namespace mp {

namespace internal {
class ProcessCore;
struct ProcessAccess;
}  // namespace internal

class Process {
 public:
  struct Options {
    std::string name = {};            // "Process-1" and so on if empty
    std::optional<bool> daemon = {};  // none: as the process that makes it
    Context context = {};             // the default context, or one of get_context()
    // terminate(), kill() and interrupt() go to its descendants too, those that are not of mp among
    // them, and what is left of these when it ends in order is killed. None gets away: it becomes the
    // parent of orphans among them (PR_SET_CHILD_SUBREAPER), which stay zombies until it ends or waits
    // for them. What is not of mp outlives it only if it is killed by something else: by another
    // program, or by the death of its parent.
    bool kill_tree = false;
    // It lives on when its parent ends or dies, which then neither joins nor ends it, daemonic or not.
    // So from the return of start() on, which waits until the child is about to begin its function.
    // Its own children die with it.
    bool outlives_parent = false;
  };

  Process() : Process(Options()) {}  // does nothing; a class with a run() is an mp::ProcessOf
  explicit Process(Options options);
  // A process that calls f(args...).
  template <class F, class... A>
  requires(!std::derived_from<std::decay_t<F>, Process> &&
           !std::same_as<std::decay_t<F>, Options>) explicit Process(F&& f, A&&... args)
      : Process(Options(), std::forward<F>(f), std::forward<A>(args)...) {}
  template <class F, class... A>
  Process(Options options, F&& f, A&&... args)
      : Process(std::move(options), internal::ship(std::forward<F>(f), std::forward<A>(args)...)) {}
  Process(const Process&) = default;
  Process(Process&&) noexcept = default;
  Process& operator=(const Process&) = default;
  Process& operator=(Process&&) noexcept = default;
  virtual ~Process() = default;  // for mp::ProcessOf

  // Starts it. Throws mp::AssertionError when it was started before, belongs to another process,
  // or this process is daemonic; mp::OSError, mp::MemoryError when there is no room for it, and
  // then it may be started again; mp::RuntimeError when main() did not call freeze_support().
  void start() const;
  absl::Status try_start() const;

  // Waits until the process has ended; false when `timeout` ran out first.
  bool join(Timeout timeout = kForever) const;
  // Whether it was started and has not ended.
  bool is_alive() const;
  // SIGTERM, SIGKILL, SIGINT, to all of it under Options::kill_tree: mp::OSError, and no signal, where
  // there is no descriptor to look for them. Does nothing when it has ended.
  void terminate() const;
  void kill() const;
  void interrupt() const;
  // SIGKILL to it and all its descendants, those that are not of mp too. Each is stopped until all are
  // known, so that none slips away. That a helper does, which goes on when who is in this call is
  // killed: nobody stays stopped. Throws as kill().
  void kill_tree() const;
  // Gives the descriptor back. Throws mp::ValueError while the process runs.
  void close() const;

  int pid() const;  // 0 before start()
  // What it returned to the system, or minus the signal that killed it. None while it has not ended.
  std::optional<int> exitcode() const;
  // A pidfd, readable once the process has ended; stays the Process's. Of the parent too.
  int sentinel() const;

  std::string name() const;
  void set_name(std::string_view name) const;
  bool daemon() const;
  // Before start() only.
  void set_daemon(bool daemon) const;
  // The secret that the family shares.
  std::string authkey() const;
  void set_authkey(std::string_view key) const;

  // True for handles to the same process.
  friend bool operator==(const Process& a, const Process& b) noexcept = default;

 protected:
  Process(Options options, std::unique_ptr<internal::Target> target);
  // Of a class of that name, whose target() is what start() runs.
  Process(std::string_view class_name, Options options);
  virtual std::unique_ptr<internal::Target> target() const;

 private:
  friend internal::ProcessAccess;
  explicit Process(std::shared_ptr<internal::ProcessCore> core) : core_(std::move(core)) {}
  internal::ProcessCore& core() const;

  std::shared_ptr<internal::ProcessCore> core_;
};

namespace internal {

// process.exitcode(), of one that somebody has closed, too.
std::optional<int> last_exitcode(const Process& process);

// What a process is made of: f(args...), but not a process or its options alone.
template <class F>
concept ProcessFunction = !std::derived_from<std::decay_t<F>, Process> &&
                          !std::same_as<std::decay_t<F>, Process::Options>;

template <StartMethod kMethod>
class ProcessBy : public Process {
 public:
  template <ProcessFunction F, class... A>
  explicit ProcessBy(F&& f, A&&... args)
      : ProcessBy(Options(), std::forward<F>(f), std::forward<A>(args)...) {}
  template <class F, class... A>
  ProcessBy(Options options, F&& f, A&&... args)
      : Process(Options{std::move(options.name), options.daemon, Context(kMethod),
                        options.kill_tree, options.outlives_parent},
                target(std::forward<F>(f), std::forward<A>(args)...)) {}

 private:
  template <class... A>
  static std::unique_ptr<Target> target(A&&... call) {
    if constexpr (kMethod == StartMethod::kFork) {
      return keep_here(std::forward<A>(call)...);
    } else {
      return ship(std::forward<A>(call)...);
    }
  }
};

}  // namespace internal

// Processes of one start method, whatever the default. What a ForkProcess runs need not cross: any
// callable, with captures and references to this process's memory as it was at start().
using ForkProcess = internal::ProcessBy<StartMethod::kFork>;
using SpawnProcess = internal::ProcessBy<StartMethod::kSpawn>;
using ForkServerProcess = internal::ProcessBy<StartMethod::kForkserver>;

// The process this is called in.
Process current_process();
// The one that started it: name(), pid(), is_alive(), join(). None in the first process.
std::optional<Process> parent_process();
// The children that were started and have not ended, in the order of their starts.
std::vector<Process> active_children();
// How many processors this process may use: its affinity and its cgroup's quota count.
int cpu_count();

// Ends this process with `code` & 0xff. In a child's function, and in the hooks before it, it throws
// what only mp catches, so that objects are destroyed on the way; elsewhere it is std::exit(), which
// destroys no variable of main's. In a function called because the process ends, see mp/finalize.h.
[[noreturn]] void exit(int code = 0);
// The same with code 1, after `text` on stderr.
[[noreturn]] void exit(std::string_view text);

// The first line of main(). In a process that spawn or forkserver made it runs the child and does
// not return.
void freeze_support(int argc, char** argv);

// "<Process name='Process-1' pid=12857 parent=12853 started>"
std::string repr(const Process& process);
std::ostream& operator<<(std::ostream& out, const Process& process);

}  // namespace mp

#endif  // MP_PROCESS_H_
