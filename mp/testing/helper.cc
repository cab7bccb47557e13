#include "mp/testing/helper.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
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

cpu_set_t g_all_cpus;
bool g_pinned = false;

}  // namespace

PinnedToOneCpu::PinnedToOneCpu() {
  g_pinned = sched_getaffinity(0, sizeof g_all_cpus, &g_all_cpus) == 0;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

PinnedToOneCpu::~PinnedToOneCpu() {
  if (std::exchange(g_pinned, false)) {
    sched_setaffinity(0, sizeof g_all_cpus, &g_all_cpus);
  }
}

Helper::Helper(std::string name, absl::FunctionRef<void()> body) : name_(std::move(name)) {
  pid_ = fork();
  if (pid_ < 0) {
    std::perror("mp::testing::Helper: fork");
    std::abort();
  }
  if (pid_ == 0) {
    if (g_pinned) {
      sched_setaffinity(0, sizeof g_all_cpus, &g_all_cpus);
    }
    body();
    _exit(0);
  }
}

Helper::Helper(std::string name, pid_t pid) : name_(std::move(name)), pid_(pid) {}

Helper::Helper(Helper&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(other.pid_),
      pidfd_(std::exchange(other.pidfd_, -1)),
      status_(other.status_),
      ended_(std::exchange(other.ended_, true)),
      killed_(other.killed_) {}

Helper::~Helper() {
  kill();
  if (pidfd_ >= 0) {
    close(pidfd_);
  }
}

bool Helper::ended() {
  if (!ended_) {
    ended_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  }
  return ended_;
}

bool Helper::await_asleep() const { return !ended_ && testing::await_asleep(pid_); }

void Helper::kill() {
  if (ended_) {
    return;
  }
  ::kill(pid_, SIGKILL);
  while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  ended_ = killed_ = true;
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
        if (h->pidfd_ < 0) {
          h->pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, h->pid_, 0));
        }
        left.push_back(h);
        polls.push_back({h->pidfd_, POLLIN, 0});
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
