#include "mp/testing/helper.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "mp/testing/proc.h"

namespace mp::testing {
namespace {

[[noreturn]] void broken(const char* what) {
  std::perror(what);
  std::abort();
}

void close_if_open(int fd) {
  if (fd >= 0) {
    close(fd);
  }
}

}  // namespace

PinnedToOneCpu::PinnedToOneCpu(int nth) {
  CPU_ZERO(&all_);
  if (sched_getaffinity(0, sizeof all_, &all_) != 0 || CPU_COUNT(&all_) == 0) {
    broken("mp::testing::PinnedToOneCpu: sched_getaffinity");
  }
  int left = nth % CPU_COUNT(&all_);
  size_t cpu = 0;
  while (!CPU_ISSET(cpu, &all_) || left-- > 0) {
    ++cpu;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
}

PinnedToOneCpu::~PinnedToOneCpu() { sched_setaffinity(0, sizeof all_, &all_); }

Line::Line() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    broken("mp::testing::Line: socketpair");
  }
  mine_ = ends[0];
  other_ = ends[1];
}

Line::~Line() {
  close_if_open(mine_);
  close_if_open(other_);
}

Line::Line(Line&& other) noexcept
    : mine_(std::exchange(other.mine_, -1)), other_(std::exchange(other.other_, -1)) {}

void Line::become_parent() { close_if_open(std::exchange(other_, -1)); }

void Line::become_child() {
  close_if_open(std::exchange(mine_, -1));
  // Others who were forked since may hold the parent's end: its closing is no sign.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
}

bool Line::is_over() const {
  char byte = 0;
  return recv(mine_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

void Line::over() {
  char byte = 1;
  send(other_, &byte, 1, MSG_NOSIGNAL);
  for (;;) {
    pause();
  }
}

Order::Order() : fd_(eventfd(0, EFD_CLOEXEC)) {
  if (fd_ < 0) {
    broken("mp::testing::Order: eventfd");
  }
}

Order::~Order() { close(fd_); }

void Order::give() { eventfd_write(fd_, 1); }

void Order::wait() {
  eventfd_t n = 0;
  while (eventfd_read(fd_, &n) != 0 && errno == EINTR) {
  }
}

void Order::renew() {
  pollfd given{fd_, POLLIN, 0};
  if (poll(&given, 1, 0) > 0) {
    wait();
  }
}

bool over(pid_t pid) { return blocked_in(pid) == SYS_pause; }

Helper::Helper(std::string name, absl::FunctionRef<void()> body) : name_(std::move(name)) {
  pid_ = fork();
  if (pid_ < 0) {
    broken("mp::testing::Helper: fork");
  }
  if (pid_ == 0) {
    line_.become_child();
    body();
    line_.over();
  }
  line_.become_parent();
}

Helper::Helper(std::string name, pid_t pid, Line line)
    : name_(std::move(name)), line_(std::move(line)), pid_(pid) {}

Helper::~Helper() { kill(); }

bool Helper::ended() {
  if (ended_) {
    return true;
  }
  if (line_.is_over()) {
    return ended_ = true;
  }
  if (waitpid(pid_, &status_, WNOHANG) == pid_) {
    ended_ = crashed_ = reaped_ = true;
  }
  return ended_;
}

bool Helper::await_asleep() {
  while (!ended() && !asleep_in_futex(pid_)) {
    sched_yield();
  }
  return !ended_;
}

void Helper::kill() {
  if (reaped_ || line_.fd() < 0) {
    return;
  }
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = reaped_ = true;
}

std::string await_ended(std::span<Helper* const> helpers, std::chrono::nanoseconds quiet,
                        std::chrono::nanoseconds limit) {
  using Clock = std::chrono::steady_clock;
  constexpr int kTickMs = 20;
  Clock::time_point start = Clock::now();
  Clock::time_point asleep_since = start;
  uint64_t last_turns = 0;
  for (;;) {
    std::vector<Helper*> left;
    std::vector<pollfd> polls;
    for (Helper* h : helpers) {
      if (!h->ended()) {
        left.push_back(h);
        polls.push_back({h->line_.fd(), POLLIN, 0});
      }
    }
    if (left.empty()) {
      return "";
    }
    if (poll(polls.data(), polls.size(), kTickMs) > 0) {
      asleep_since = Clock::now();
      continue;
    }
    Clock::time_point now = Clock::now();
    bool all_asleep = true;
    uint64_t turns = 0;
    for (Helper* h : left) {
      all_asleep = all_asleep && asleep_in_futex(h->pid_);
      turns += switches(h->pid_);
    }
    if (!all_asleep || turns != last_turns) {
      asleep_since = now;
      last_turns = turns;
    }
    bool dead_end = now - asleep_since >= quiet;
    if (dead_end || now - start >= limit) {
      std::string text = dead_end ? "all who are left sleep for ever:" : "no end in sight:";
      for (Helper* h : left) {
        text += " " + h->name_ + " (state " + process_state(h->pid_) + ", system call " +
                std::to_string(blocked_in(h->pid_)) + ")";
      }
      return text;
    }
  }
}

}  // namespace mp::testing
