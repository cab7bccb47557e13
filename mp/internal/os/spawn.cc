#include "mp/internal/os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "mp/internal/base/unique_fd.h"

// glibc's name for clone() that ThreadSanitizer does not wrap: it takes every clone() for a fork.
extern "C" int __clone(int (*start)(void*), void* stack_end, int flags, void* argument, ...);

namespace mp::internal {
namespace {

constexpr int kFirst = 3;

std::vector<int> sorted(std::vector<int> fds) {
  std::sort(fds.begin(), fds.end());
  return fds;
}

// Everything the child needs, made before it exists.
struct Image {
  const char* path;  // null: `program`
  int program;
  int null;
  const int* fds;  // ascending
  int count;
  char* const* argv;
  char* const* environment;
};

// What runs in the child is kept from ThreadSanitizer, whose record of this thread and of its
// descriptors it shares: no entered function stays in it after an exec, and descriptors are moved by
// system calls that nobody intercepts.
[[gnu::no_sanitize_thread]] void close_from(int first) {
  if (syscall(SYS_close_range, first, ~0u, 0) != 0) {
    // Kernels before 5.9.
    for (int fd = first, end = static_cast<int>(sysconf(_SC_OPEN_MAX)); fd < end; ++fd) {
      syscall(SYS_close, fd);
    }
  }
}
[[gnu::no_sanitize_thread]] int move_fd(int from, int to, int flags) {
  return static_cast<int>(syscall(SYS_dup3, from, to, flags));
}

// In the child. Returns only when it fails, with an errno. Ascending, no target is a source that is
// still to come: the i-th smallest of distinct numbers from 3 on is at least 3 + i. `program` and
// `null` are above all of them.
[[gnu::no_sanitize_thread]] int become(const Image& image) {
  if (move_fd(image.null, STDIN_FILENO, 0) < 0) {
    return errno;
  }
  for (int i = 0; i < image.count; ++i) {
    // Onto itself, dup2() would leave close-on-exec set.
    int ok = image.fds[i] == kFirst + i ? fcntl(image.fds[i], F_SETFD, 0)
                                        : move_fd(image.fds[i], kFirst + i, 0);
    if (ok < 0) {
      return errno;
    }
  }
  int program = kFirst + image.count;
  if (image.program != program && move_fd(image.program, program, O_CLOEXEC) < 0) {
    return errno;
  }
  close_from(program + 1);
  if (image.path != nullptr) {
    syscall(SYS_execve, image.path, image.argv, image.environment);
  } else {
    syscall(SYS_execveat, program, "", image.argv, image.environment, AT_EMPTY_PATH);
  }
  return errno;
}

struct Birth {
  const Image& image;
  volatile int error;
};
[[gnu::no_sanitize_thread]] int be_born(void* birth) {
  auto* b = static_cast<Birth*>(birth);
  b->error = become(b->image);
  return 127;
}

// As vfork(), with a stack of the child's own. ThreadSanitizer makes vfork() a fork(), whose
// handlers close what the child is to inherit.
int start_in_our_memory(Birth* birth) {
  alignas(16) std::byte stack[16 << 10];
  return __clone(be_born, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, birth);
}

// A copy of `fd` whose number is above `floor`.
UniqueFd above(UniqueFd fd, int floor) {
  if (!fd.valid() || fd.get() > floor) {
    return fd;
  }
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, floor + 1));
}

}  // namespace

std::vector<int> spawned_numbers(const std::vector<int>& fds) {
  std::vector<int> order = sorted(fds);
  std::vector<int> numbers;
  numbers.reserve(fds.size());
  for (int fd : fds) {
    auto at = std::lower_bound(order.begin(), order.end(), fd);
    numbers.push_back(kFirst + static_cast<int>(at - order.begin()));
  }
  return numbers;
}

uint64_t signal_mask() noexcept {
  sigset_t set;
  pthread_sigmask(SIG_SETMASK, nullptr, &set);
  uint64_t mask;
  std::memcpy(&mask, &set, sizeof mask);
  return mask;
}

void set_signal_mask(uint64_t mask) noexcept {
  sigset_t set;
  sigemptyset(&set);
  std::memcpy(&set, &mask, sizeof mask);
  pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

int spawn_program(const char* path, char* const* argv, const std::vector<std::string>& variables,
                  const std::vector<int>& fds, int* pid) {
  std::vector<char*> environment;
  for (const std::string& variable : variables) {
    environment.push_back(const_cast<char*>(variable.c_str()));
  }
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) {
    environment.push_back(*e);
  }
  environment.push_back(nullptr);

  std::vector<int> sources = sorted(fds);
  // In this process's /proc, not the child's: the kernel would make and drop entries for it there.
  int floor = std::max(sources.empty() ? 2 : sources.back(), kFirst + static_cast<int>(fds.size()));
  UniqueFd null = above(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)), floor);
  UniqueFd program = above(UniqueFd(open("/proc/self/exe", O_PATH | O_CLOEXEC)), floor);
  if (!null.valid() || !program.valid()) {
    return errno;
  }
  Image image{path, program.get(),     null.get(), sources.data(), static_cast<int>(sources.size()),
              argv, environment.data()};
  Birth birth{image, 0};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int child = start_in_our_memory(&birth);
  int err = child < 0 ? errno : birth.error;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child > 0 && err != 0) {
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  *pid = child;
  return err;
}

std::vector<std::string> own_command_line() {
  std::vector<std::string> words;
  FILE* f = fopen("/proc/self/cmdline", "re");
  if (f != nullptr) {
    std::string word;
    for (int c; (c = fgetc(f)) != EOF;) {
      if (c != '\0') {
        word.push_back(static_cast<char>(c));
      } else {
        words.push_back(std::move(word));
        word.clear();
      }
    }
    fclose(f);
  }
  return words;
}

void restore_process_name() noexcept { prctl(PR_SET_NAME, program_invocation_short_name); }

}  // namespace mp::internal
