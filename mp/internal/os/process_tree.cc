#include "mp/internal/os/process_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/os/process_bug.h"

// What a helper runs is a copy of one thread: what others held when it was copied stays locked. So there is nothing here but
// system calls, and memory that is mapped for them; and ThreadSanitizer, which has locks of its own, is kept out (see BUILD).

namespace mp::internal {
namespace {

// How long to wait for a process to stop or end: it may be in a call of a device that nothing interrupts.
constexpr int64_t kStopNs = 1'000'000'000;

// How many helpers are made where one after the other is killed: a filter of system calls may do that for ever.
constexpr int kHelpers = 16;

bool signal_to(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0;
}
bool has_ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  const timespec now{};
  return syscall(SYS_ppoll, &p, 1, &now, nullptr, 0) > 0;
}
void shut(int fd) { syscall(SYS_close, fd); }

// Looks at processes. What it cannot look at for want of a descriptor or memory is in refused().
class Look {
 public:
  Look() : names_(map<Names>()), proc_(open_at(AT_FDCWD, "/proc")) {}
  ~Look() {
    munmap(names_, sizeof(Names));
    shut(proc_);
  }
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;

  // 0 or an errno.
  int refused() const { return refused_; }
  void refuse(int error) { refused_ = error; }

  // see(pid) for each process there is.
  template <class See>
  void each_process(See see) {
    if (refused_ == 0 && syscall(SYS_lseek, proc_, 0, SEEK_SET) == 0) {
      each_number(proc_, names_->of_processes, see);
    }
  }

  // 0: there is no such process.
  int parent_of(int pid) { return stat_of(open_at(proc_, pid, "/stat")).parent; }

  // No thread of it runs, or will run before it is continued. One in an uninterruptible call finds the signal at its end.
  bool stands_still(int pid) {
    bool still = true;
    int tasks = open_at(proc_, pid, "/task");
    if (tasks >= 0) {
      each_number(tasks, names_->of_threads, [&](int tid) {
        const char state = stat_of(open_at(tasks, tid, "/stat")).state;
        still &= state == 0 || strchr("TtDZXx", state) != nullptr;
      });
      shut(tasks);
    }
    return still;
  }

  // On failure negative.
  int open_pidfd(int pid) { return seen(syscall(SYS_pidfd_open, pid, 0)); }

  // Zeroed, and no more of it real than is used. Null, and refused, where there is none.
  template <class T>
  T* map() {
    void* at = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      refused_ = errno;
      return nullptr;
    }
    return static_cast<T*>(at);
  }

 private:
  static constexpr size_t kBytes = 32 << 10;
  struct Names {
    char of_processes[kBytes];
    char of_threads[kBytes];
  };
  // 0 when there is no such process or thread.
  struct Stat {
    char state = 0;
    int parent = 0;
  };

  int seen(long result) {
    if (result < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
      refused_ = errno;
    }
    return static_cast<int>(result);
  }
  int open_at(int directory, const char* path) {
    return seen(syscall(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC));
  }
  int open_at(int directory, int number, const char* file) {
    char path[32];
    strcpy(std::to_chars(path, path + 16, number).ptr, file);
    return open_at(directory, path);
  }

  template <class See>
  void each_number(int directory, char (&names)[kBytes], See see) {
    for (int n; (n = seen(syscall(SYS_getdents64, directory, names, kBytes))) > 0;) {
      for (int at = 0; at < n;) {
        const auto* entry = reinterpret_cast<const dirent64*>(names + at);
        at += entry->d_reclen;
        int number = 0;
        if (auto end = std::from_chars(entry->d_name, entry->d_name + 16, number).ptr;
            number > 0 && *end == '\0') {
          see(number);
        }
      }
    }
  }

  // Of a stat file, which it closes.
  Stat stat_of(int file) {
    Stat stat;
    if (file >= 0) {
      char text[512];
      const int n = seen(syscall(SYS_read, file, text, sizeof text));
      shut(file);
      // "PID (NAME) S PARENT ...": the name may hold anything.
      const auto* end = n > 0 ? static_cast<const char*>(memrchr(text, ')', n)) : nullptr;
      if (end != nullptr && text + n - end > 4) {
        stat.state = end[2];
        std::from_chars(end + 4, text + n, stat.parent);
      }
    }
    return stat;
  }

  int refused_ = 0;
  Names* names_;
  int proc_;
};

// A process and those of its descendants that are known, all of them stopped.
class Tree {
 public:
  // `pidfd` stays the caller's.
  Tree(int pid, int pidfd) : members_(look_.map<Members>()) {
    if (members_ != nullptr) {
      add(pid, pidfd);
    }
  }
  ~Tree() {
    for (size_t i = 1; i < count_; ++i) {
      shut((*members_)[i].pidfd);
    }
    munmap(members_, sizeof(Members));
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // 0, or why it does not know all.
  int refused() const { return look_.refused(); }

  void stop_all() {
    if (refused() != 0) {
      return;
    }
    stop((*members_)[0]);
    // Once a look at all processes finds nobody new, all are known: those known before it made no more.
    for (bool grown = true; grown;) {
      grown = false;
      look_.each_process([&](int pid) { grown |= refused() == 0 && add_if_child(pid); });
    }
  }
  // To each after its descendants.
  void send(int signal) {
    for (size_t sent = 1; sent <= count_; ++sent) {
      const size_t i = planted(ProcessBug::kParentsFirst) ? sent - 1 : count_ - sent;
      signal_to((*members_)[i].pidfd, signal);
    }
  }

 private:
  struct Member {
    int pid;
    int pidfd;
  };
  // No process has more descriptors, unless somebody has raised fs.nr_open.
  static constexpr size_t kMost = 1 << 20;
  using Members = Member[kMost];

  void add(int pid, int pidfd) { (*members_)[count_++] = {pid, pidfd}; }

  // Of one that has ended the number may be anybody's.
  bool is_member(int pid) const {
    for (size_t i = 0; i < count_; ++i) {
      if ((*members_)[i].pid == pid && !has_ended((*members_)[i].pidfd)) {
        return true;
      }
    }
    return false;
  }

  bool add_if_child(int pid) {
    if (is_member(pid) || !is_member(look_.parent_of(pid))) {
      return false;
    }
    const int pidfd = look_.open_pidfd(pid);
    if (pidfd < 0) {
      return false;
    }
    // It is the one that was seen if its parent is a member still.
    if (!is_member(look_.parent_of(pid)) || has_ended(pidfd)) {
      shut(pidfd);
      return false;
    }
    if (count_ == kMost) {
      look_.refuse(ENOMEM);
      shut(pidfd);
      return false;
    }
    add(pid, pidfd);
    stop({pid, pidfd});
    return true;
  }

  void stop(Member member) {
    signal_to(member.pidfd, SIGSTOP);
    for (Deadline patience = Deadline::after_ns(kStopNs);
         !has_ended(member.pidfd) && !look_.stands_still(member.pid) && !patience.passed();) {
      syscall(SYS_sched_yield);
    }
  }

  Look look_;
  Members* members_;  // each behind its parent
  size_t count_ = 0;
};

// As signal_tree(), with nobody to go on when this process is killed.
int signal_members(int pid, int pidfd, int signal) {
  Tree tree(pid, pidfd);
  if (tree.refused() != 0) {
    return tree.refused();
  }
  tree.stop_all();
  const int refused = tree.refused();
  if (refused == 0) {
    tree.send(signal);
  }
  if (refused != 0 || signal != SIGKILL) {
    tree.send(SIGCONT);
  }
  return refused;
}

void close_range_of(unsigned first, unsigned last) {
  if (first <= last && syscall(SYS_close_range, first, last, 0) != 0) {
    // Kernels before 5.9.
    const unsigned end = static_cast<unsigned>(sysconf(_SC_OPEN_MAX));
    for (unsigned fd = first; fd <= last && fd < end; ++fd) {
      shut(static_cast<int>(fd));
    }
  }
}

[[noreturn]] void help(int pid, int pidfd, int signal) {
  // A signal to the caller's group, or terminal, is none to its helper.
  syscall(SYS_setsid);
  // While it holds what tells others of the caller's life, that seems to live.
  const auto kept = static_cast<unsigned>(pidfd);
  if (kept > 0) {
    close_range_of(0, kept - 1);
  }
  close_range_of(kept + 1, ~0u);
  const int result = signal_members(pid, pidfd, signal);
  for (;;) {
    syscall(SYS_exit_group, result);
  }
}

// The pid of a helper, or negative.
int make_helper(int pid, int pidfd, int signal) {
  const uint64_t all = ~uint64_t{0};
  uint64_t before;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  // Its end is no SIGCHLD, and is seen by no wait() that does not ask for such.
  const long helper = planted(ProcessBug::kNoHelper)
                          ? -1
                          : syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr);
  if (helper == 0) {
    help(pid, pidfd, signal);
  }
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
  return static_cast<int>(helper);
}

}  // namespace

int signal_tree(int pid, int pidfd, int signal) {
  for (int made = 0; made < kHelpers; ++made) {
    const int helper = make_helper(pid, pidfd, signal);
    if (helper < 0) {
      return signal_members(pid, pidfd, signal);
    }
    siginfo_t end{};
    while (syscall(SYS_waitid, P_PID, helper, &end, WEXITED | __WALL, nullptr) != 0 &&
           errno == EINTR) {
    }
    // Killed, or reaped by somebody else, it may not have come to the end.
    if (end.si_code == CLD_EXITED) {
      return end.si_status;
    }
  }
  return ECANCELED;
}

void kill_descendants() {
  Look look;
  const int self = getpid();
  // The children of who ended by himself during a look may have been passed over in it, and are seen by the next.
  for (int in_vain = 0; in_vain < 2;) {
    ++in_vain;
    look.refuse(0);
    look.each_process([&](int pid) {
      if (look.parent_of(pid) != self) {
        return;
      }
      const int pidfd = look.open_pidfd(pid);
      if (pidfd >= 0 && look.parent_of(pid) == self && !has_ended(pidfd)) {
        signal_to(pidfd, SIGKILL);
        if (await_end(pidfd, Deadline::after_ns(kStopNs))) {
          in_vain = 0;
        }
      }
      shut(pidfd);
    });
  }
}

void keep_orphans() noexcept { prctl(PR_SET_CHILD_SUBREAPER, 1); }

}  // namespace mp::internal
