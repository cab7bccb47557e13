#include "mp/internal/os/child_signals.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mp/internal/os/reopen.h"

namespace mp::internal {

int ChildSignals::start() noexcept {
  // Ignored, as it may have been inherited, it would have the kernel reap children itself.
  signal(SIGCHLD, SIG_DFL);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  fd_.reset(above_stdio(signalfd(-1, &blocked, SFD_NONBLOCK | SFD_CLOEXEC)));
  if (!fd_.valid()) {
    return errno;
  }
  sigaddset(&blocked, SIGINT);
  return pthread_sigmask(SIG_BLOCK, &blocked, &before_);
}

void ChildSignals::undo() noexcept {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  fd_.reset();
}

ChildSignals::Ready ChildSignals::wait(int first, int second) noexcept {
  pollfd polls[3] = {{fd_.get(), POLLIN, 0}, {first, POLLIN, 0}, {second, POLLIN, 0}};
  Ready ready;
  int n;
  while ((n = poll(polls, 3, -1)) < 0 && errno == EINTR) {
  }
  if (n < 0) {
    // A limit of fewer than three descriptors, or no memory. It may pass; until then whoever asked looks at all, none of
    // which waits.
    poll(nullptr, 0, 1);
    return {.first = true, .second = true, .child = true};
  }
  ready.first = polls[1].revents != 0;
  ready.second = polls[2].revents != 0;
  if (polls[0].revents != 0) {
    signalfd_siginfo info;
    // One read takes all: pending signals of one number are one.
    ready.child = read(fd_.get(), &info, sizeof info) == sizeof info;
  }
  return ready;
}

Look look_at_child(int pid, int* status) noexcept {
  pid_t r;
  while ((r = waitpid(pid, status, WNOHANG)) < 0 && errno == EINTR) {
  }
  return r == pid ? Look::kEnded : r == 0 ? Look::kRunning : Look::kNoChild;
}

int any_ended_child() noexcept {
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno != EINTR) {
      return 0;
    }
  }
  return info.si_pid;
}

}  // namespace mp::internal
