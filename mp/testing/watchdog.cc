#include "mp/testing/watchdog.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mp/internal/base/sanitizer.h"
#include "mp/testing/seed.h"

// The watcher is forked by _Fork from a process that may have threads. Until it ends it may therefore only call what is
// async-signal-safe: no malloc, no stdio on a FILE, no directory streams. snprintf with integers and strings is safe in
// glibc.

namespace mp::testing {
namespace {

constexpr int kSlowness = internal::kAddressSanitizer || internal::kThreadSanitizer ? 5 : 1;

constexpr int kMostProcesses = 4096;
constexpr int kMostStacks = 12;
constexpr int kGdbSeconds = 30;

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1'000'000'000} + t.tv_nsec;
}

void put(const char* text, size_t size) {
  while (size > 0) {
    ssize_t n = write(STDERR_FILENO, text, size);
    if (n < 0 && errno != EINTR) {
      return;
    }
    text += n > 0 ? n : 0;
    size -= n > 0 ? static_cast<size_t>(n) : 0;
  }
}

[[gnu::format(printf, 1, 2)]] void say(const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int n = std::vsnprintf(line, sizeof line, format, args);
  va_end(args);
  put(line, n < 0                               ? 0
            : n < static_cast<int>(sizeof line) ? static_cast<size_t>(n)
                                                : sizeof line - 1);
}

// Reads the start of a file as a string; its length, 0 when there is none.
size_t slurp(const char* path, char* buffer, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    buffer[0] = '\0';
    return 0;
  }
  size_t length = 0;
  for (ssize_t n; length < size - 1 && (n = read(fd, buffer + length, size - 1 - length)) > 0;) {
    length += static_cast<size_t>(n);
  }
  close(fd);
  buffer[length] = '\0';
  return length;
}

struct ProcessEntry {
  pid_t pid;
  pid_t parent;
  pid_t group;
  char state;
  bool condemned;
};

ProcessEntry g_table[kMostProcesses];

bool read_entry(pid_t pid, ProcessEntry* entry) {
  char path[64];
  char text[512];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  slurp(path, text, sizeof text);
  const char* end = std::strrchr(text, ')');
  if (end == nullptr || std::strlen(end) < 4) {
    return false;
  }
  char* next = nullptr;
  *entry = {.pid = pid, .parent = 0, .group = 0, .state = end[2], .condemned = false};
  entry->parent = static_cast<pid_t>(std::strtol(end + 3, &next, 10));
  entry->group = static_cast<pid_t>(std::strtol(next, &next, 10));
  return true;
}

// Fills the table with all processes that can be seen; returns how many.
int read_table() {
  struct Dirent {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[1];
  };
  alignas(Dirent) char buffer[8192];
  int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int count = 0;
  for (long n; proc >= 0 && (n = syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < n;) {
      const Dirent* entry = reinterpret_cast<const Dirent*>(buffer + at);
      pid_t pid = static_cast<pid_t>(std::strtol(entry->name, nullptr, 10));
      if (pid > 0 && count < kMostProcesses && read_entry(pid, &g_table[count])) {
        ++count;
      }
      at += entry->size;
    }
  }
  if (proc >= 0) {
    close(proc);
  }
  return count;
}

bool same_program(pid_t a, pid_t b) {
  char path[64];
  struct stat of_a;
  struct stat of_b;
  std::snprintf(path, sizeof path, "/proc/%d/exe", a);
  bool ok = stat(path, &of_a) == 0;
  std::snprintf(path, sizeof path, "/proc/%d/exe", b);
  return ok && stat(path, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

const ProcessEntry* find_entry(pid_t pid, int count) {
  for (int i = 0; i < count; ++i) {
    if (g_table[i].pid == pid) {
      return &g_table[i];
    }
  }
  return nullptr;
}

bool is_ancestor(pid_t pid, pid_t of, int count) {
  const ProcessEntry* entry = find_entry(of, count);
  while (entry != nullptr && entry->pid != pid) {
    entry = find_entry(entry->parent, count);
  }
  return entry != nullptr;
}

// Whether a process of the target's group and program has lost its parent, which then was the target or a descendant.
bool is_orphan(const ProcessEntry& p, pid_t target, pid_t group, int count) {
  const ProcessEntry* parent = find_entry(p.parent, count);
  return p.group == group && (parent == nullptr || parent->group != group) &&
         same_program(p.pid, target) && !is_ancestor(p.pid, target, count);
}

// Marks the target's descendants, those included whose parents are gone. Returns the number of processes in the table.
int condemn(pid_t target) {
  int count = read_table();
  const ProcessEntry* entry = find_entry(target, count);
  pid_t group = entry != nullptr ? entry->group : -1;
  for (int i = 0; i < count; ++i) {
    ProcessEntry& p = g_table[i];
    p.condemned = p.pid != target && p.pid != getpid() && p.state != 'Z' &&
                  (is_ancestor(target, p.pid, count) || is_orphan(p, target, group, count));
  }
  // Children of orphans.
  for (bool grew = true; grew;) {
    grew = false;
    for (int i = 0; i < count; ++i) {
      ProcessEntry& p = g_table[i];
      const ProcessEntry* parent = find_entry(p.parent, count);
      if (!p.condemned && p.state != 'Z' && parent != nullptr && parent->condemned) {
        p.condemned = grew = true;
      }
    }
  }
  return count;
}

void print_waits(pid_t pid) {
  char path[64];
  char text[4096];
  std::snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  size_t length = slurp(path, text, sizeof text);
  for (size_t i = 0; i + 1 < length; ++i) {
    text[i] = text[i] == '\0' ? ' ' : text[i];
  }
  ProcessEntry entry;
  if (!read_entry(pid, &entry)) {
    return;
  }
  say("\n== process %d, parent %d, state %c: %.200s\n", pid, entry.parent, entry.state, text);
  for (const char* name : {"wchan", "syscall", "stack"}) {
    std::snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    length = slurp(path, text, sizeof text);
    while (length > 0 && text[length - 1] == '\n') {
      text[--length] = '\0';
    }
    if (length > 0) {
      say("%s: ", name);
      put(text, length);
      put("\n", 1);
    }
  }
}

// gdb's view of one process. False when there is no gdb.
bool print_stacks(pid_t pid) {
  if (access("/usr/bin/gdb", X_OK) != 0) {
    return false;
  }
  say("\n== stacks of process %d\n", pid);
  pid_t gdb = _Fork();
  if (gdb == 0) {
    char number[16];
    std::snprintf(number, sizeof number, "%d", pid);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    const char* const arguments[] = {"gdb",
                                     "-nx",
                                     "-batch",
                                     "-ex",
                                     "set debuginfod enabled off",
                                     "-ex",
                                     "thread apply all bt 40",
                                     "-p",
                                     number,
                                     nullptr};
    const char* const environment[] = {"PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C", nullptr};
    execve("/usr/bin/gdb", const_cast<char**>(arguments), const_cast<char**>(environment));
    _exit(127);
  }
  int64_t end = now_ns() + kGdbSeconds * int64_t{1'000'000'000};
  int status = 0;
  while (gdb > 0 && waitpid(gdb, &status, WNOHANG) == 0) {
    if (now_ns() > end) {
      kill(gdb, SIGKILL);
      waitpid(gdb, &status, 0);
      say("(gdb took too long)\n");
      break;
    }
    poll(nullptr, 0, 20);
  }
  return gdb > 0;
}

void expire(pid_t target, int64_t limit_ns) {
  say("\nmp::testing::Watchdog: process %d did not get there in %lld ms\n", target,
      static_cast<long long>(limit_ns / 1'000'000));
  if (uint64_t seed = seed_if_drawn(); seed != 0) {
    say("MP_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  }
  // First what everybody waits for, then the stacks: gdb interrupts what it looks at.
  int count = condemn(target);
  print_waits(target);
  for (int i = 0; i < count; ++i) {
    if (g_table[i].condemned) {
      print_waits(g_table[i].pid);
    }
  }
  bool gdb = print_stacks(target);
  for (int i = 0, printed = 1; i < count && gdb && printed < kMostStacks; ++i) {
    if (g_table[i].condemned) {
      print_stacks(g_table[i].pid);
      ++printed;
    }
  }
  // A stopped process starts no more children while these are counted.
  kill(target, SIGSTOP);
  for (bool found = true; found;) {
    found = false;
    count = condemn(target);
    for (int i = 0; i < count; ++i) {
      if (g_table[i].condemned) {
        found = kill(g_table[i].pid, SIGKILL) == 0 || found;
      }
    }
    poll(nullptr, 0, found ? 5 : 0);
  }
  say("mp::testing::Watchdog: killing process %d\n", target);
  kill(target, SIGKILL);
}

[[noreturn]] void watch(pid_t target, int target_fd, int leash, int64_t limit_ns) {
  int64_t end = now_ns() + limit_ns;
  for (;;) {
    int64_t left = end - now_ns();
    if (left <= 0) {
      expire(target, limit_ns);
      _exit(1);
    }
    pollfd waits[2] = {{leash, POLLIN, 0}, {target_fd, POLLIN, 0}};
    timespec t = {left / 1'000'000'000, left % 1'000'000'000};
    if (ppoll(waits, 2, &t, nullptr) > 0) {
      _exit(0);
    }
  }
}

// Closes everything but stderr and these two.
void keep_only(int a, int b) {
  unsigned from = 0;
  for (;;) {
    unsigned next = ~0u;
    for (int kept : {STDERR_FILENO, a, b}) {
      unsigned fd = static_cast<unsigned>(kept);
      next = fd >= from && fd < next ? fd : next;
    }
    if (from < next) {
      syscall(SYS_close_range, from, next - 1, 0);
    }
    if (next == ~0u) {
      return;
    }
    from = next + 1;
  }
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

}  // namespace

Watchdog::Watchdog(std::chrono::nanoseconds limit) : owner_(getpid()) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    give_up("mp::testing::Watchdog: pipe2");
  }
  leash_ = ends[1];
  int target_fd = static_cast<int>(syscall(SYS_pidfd_open, owner_, 0));
  if (target_fd < 0) {
    give_up("mp::testing::Watchdog: pidfd_open");
  }
  // Where Yama restricts ptrace, gdb may look at us all the same.
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  pid_t middle = _Fork();
  if (middle < 0) {
    give_up("mp::testing::Watchdog: fork");
  }
  if (middle == 0) {
    // A group of its own: a signal to the test's group spares it.
    setsid();
    keep_only(ends[0], target_fd);
    if (_Fork() != 0) {
      _exit(0);
    }
    watch(owner_, target_fd, ends[0], limit.count() * kSlowness);
  }
  while (waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
  }
  close(ends[0]);
  close(target_fd);
}

Watchdog::~Watchdog() {
  if (getpid() == owner_) {
    char byte = 0;
    while (write(leash_, &byte, 1) < 0 && errno == EINTR) {
    }
  }
  close(leash_);
}

}  // namespace mp::testing
