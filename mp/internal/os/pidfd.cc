#include "mp/internal/os/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

#include "mp/internal/os/reopen.h"

namespace mp::internal {
namespace {

// The C library names it from 2.36 on.
constexpr auto kPidfd = static_cast<idtype_t>(3);

// struct pidfd_info of <linux/pidfd.h>, which older headers lack, as far as it is used here.
struct PidfdInfo {
  static constexpr uint64_t kExit = 1 << 3;
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

}  // namespace

UniqueFd open_pidfd(int pid) noexcept {
  return UniqueFd(above_stdio(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
}

bool await_end(int pidfd, Deadline deadline) noexcept {
  if (pidfd < 0) {
    return true;
  }
  pollfd p{pidfd, POLLIN, 0};
  for (;;) {
    const Deadline end = deadline.end_of_sleep();
    timespec left{};
    if (!end.is_never() && !end.is_past_by_construction()) {
      int64_t ns = end.ns() - monotonic_ns();
      if (ns > 0) {
        left.tv_sec = ns / 1'000'000'000;
        left.tv_nsec = ns % 1'000'000'000;
      }
    }
    int n = ppoll(&p, 1, end.is_never() ? nullptr : &left, nullptr);
    if (n > 0) {
      return true;
    }
    if (deadline.passed()) {
      return false;
    }
  }
}

std::vector<size_t> poll_ends(const std::vector<int>& pidfds) {
  std::vector<pollfd> polls;
  for (int fd : pidfds) {
    polls.push_back({fd, POLLIN, 0});
  }
  std::vector<size_t> ended;
  if (poll(polls.data(), polls.size(), 0) > 0) {
    for (size_t i = 0; i < polls.size(); ++i) {
      if (polls[i].revents != 0) {
        ended.push_back(i);
      }
    }
  }
  return ended;
}

int signal_pidfd(int pidfd, int signal) noexcept {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0 ? 0 : errno;
}

Reaped reap(int pidfd, bool block, int* status) noexcept {
  siginfo_t info{};
  while (waitid(kPidfd, static_cast<id_t>(pidfd), &info, WEXITED | (block ? 0 : WNOHANG)) != 0) {
    if (errno != EINTR) {
      return Reaped::kForeign;
    }
  }
  if (info.si_pid == 0) {
    return Reaped::kRunning;
  }
  *status = info.si_code == CLD_EXITED
                ? W_EXITCODE(info.si_status & 0xff, 0)
                : (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
  return Reaped::kYes;
}

void kill_child(int pid) noexcept {
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool recorded_status(int pidfd, int* status) noexcept {
  PidfdInfo info{};
  info.mask = PidfdInfo::kExit;
  if (ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, sizeof info), &info) != 0 ||
      (info.mask & PidfdInfo::kExit) == 0) {
    return false;
  }
  *status = info.exit_code & 0xffff;
  return true;
}

int exit_code_of(int status) noexcept {
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace mp::internal
