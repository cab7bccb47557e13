// mp/internal/proc/child.h
//
// Child: a process that this one has started, from its start to the end of its record.
//
// Whoever forked it reaps it: this process, or the fork server, which then writes the status into the child's slot.
// Only the reaper's word ends a wait, so that "not alive" and "status known" are one state.
//
// Death   The fork server dies: its children live on; their status is what the kernel still tells, else the child's own
//         last word, else 255. Somebody else reaps our child: the same.
//         This process dies: so do the children; their slots are swept by whoever looks.
// Safety  Any thread. A forked child may ask its copy for the sentinel, close it and drop it.

#ifndef MP_INTERNAL_PROC_CHILD_H_
#define MP_INTERNAL_PROC_CHILD_H_

#include <atomic>
#include <mutex>
#include <optional>

#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

// Stands for the sentinel of a process that was gone before anybody could open one: readable for ever.
UniqueFd ended_sentinel();

// In a child that ends with its parent, or not, from now on as it was asked to.
void tell_begun() noexcept;

class Child {
 public:
  // While it lives its number means this process, or is -1 after close(), which waits for no one.
  class Sentinel {
   public:
    explicit Sentinel(Child& child) noexcept;
    ~Sentinel();
    Sentinel(const Sentinel&) = delete;
    Sentinel& operator=(const Sentinel&) = delete;
    int get() const noexcept { return fd_; }

   private:
    Child& child_;
    int fd_;
  };

  // `server` is nobody for a child that this process reaps itself.
  Child(Owner owner, int pid, UniqueFd pidfd, Owner server);

  int pid() const noexcept { return pid_; }
  Owner owner() const noexcept { return owner_; }
  // Readable from the end of the process on; -1 after close(). In a forked child too.
  int sentinel() const noexcept { return closing_ ? -1 : number_; }

  // Waits until it has ended and its status is known; then everything it held is free. False when `deadline` passed.
  bool wait(Deadline deadline);
  // Without waiting.
  bool ended();
  // It is known that its sentinel is readable.
  void note_end() { wait(Deadline::never()); }

  // As Python counts: 7 for exit(7), -9 for a death by SIGKILL; none while it runs.
  std::optional<int> exit_code();

  // Waits until it has said tell_begun(), or has ended, or `deadline` has passed.
  void await_begun(Deadline deadline) noexcept;

  // After its end: gives the sentinel back, as soon as nobody uses it. In a forked child too, at once.
  void close() noexcept;

  // 0, also when it has ended already, or an errno.
  int signal(int number) noexcept;

 private:
  void collect_from_server();
  bool collect();
  void record(int status);
  int best_guess() noexcept;

  const Owner owner_;
  const Owner server_;
  const int pid_;
  const int process_;  // whose child it is: a pid

  // A forked child has a copy of these as they were: locked for ever, and used for ever, if a thread of the parent was inside.
  std::mutex mutex_;
  int users_ = 0;  // of the sentinel; under `mutex_`

  UniqueFd pidfd_;  // under `mutex_`
  const int number_;
  std::atomic<bool> closing_{false};  // set under `mutex_`
  std::atomic<bool> ended_{false};
  int status_ = 0;  // before `ended_`
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_CHILD_H_
