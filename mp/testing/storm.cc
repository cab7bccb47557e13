#include "mp/testing/storm.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

namespace mp::testing {
namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

int wait_for(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) {
      die("mp::testing::Storm: waitpid");
    }
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void sleep_until(int64_t at) {
  timespec time{at / 1'000'000'000, at % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

}  // namespace

double log_uniform(StormRandom& random, double low, double high) {
  return std::exp(std::uniform_real_distribution<double>(std::log(low), std::log(high))(random));
}

std::chrono::seconds storm_time(std::chrono::seconds suite) {
  const char* seconds = std::getenv("MP_STORM_SECONDS");
  return seconds == nullptr ? suite : std::chrono::seconds(std::max(1, std::atoi(seconds)));
}

int64_t storm_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

Storm::Storm(Options options, std::function<void(Member)> work)
    : options_(std::move(options)),
      work_(std::move(work)),
      random_(options_.seed),
      seats_(options_.seats) {}

Storm::~Storm() {
  for (Seat& seat : seats_) {
    if (seat.pid != 0) {
      ::kill(seat.pid, SIGKILL);
      reap(seat);
    }
  }
}

void Storm::fill(uint32_t n) {
  Seat& seat = seats_[n];
  Member member{n, ++last_number_};
  seat.number = member.number;
  if (options_.ship && member.number % options_.shipped_share == 0) {
    seat.shipped.emplace(options_.ship(member));
    seat.shipped->start();
    seat.pid = seat.shipped->pid();
  } else {
    pid_t parent = getpid();
    seat.pid = fork();
    if (seat.pid < 0) {
      die("mp::testing::Storm: fork");
    }
    if (seat.pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) {
        _exit(1);
      }
      // Nothing of the parent's may be destroyed here.
      try {
        work_(member);
      } catch (const std::exception& e) {
        std::fprintf(stderr, "mp::testing::Storm: member %u: %s\n", member.number, e.what());
        _exit(1);
      }
      _exit(0);
    }
  }
  double life = log_uniform(random_, static_cast<double>(options_.shortest.count()),
                            static_cast<double>(options_.longest.count()));
  seat.due = storm_now() + static_cast<int64_t>(life);
}

int Storm::reap(Seat& seat) {
  int code = 0;
  if (seat.shipped.has_value()) {
    seat.shipped->join();
    code = seat.shipped->exitcode().value_or(255);
    seat.shipped->close();
    seat.shipped.reset();
  } else {
    code = wait_for(seat.pid);
  }
  seat.pid = 0;
  return code;
}

void Storm::kill(uint32_t n) {
  Seat& seat = seats_[n];
  if (seat.shipped.has_value()) {
    seat.shipped->kill();
  } else {
    ::kill(seat.pid, SIGKILL);
  }
  int code = reap(seat);
  if (code == -SIGKILL) {
    ++kills_;
    deaths_.push_back({seat.number, storm_now()});
  } else {
    complaints_.push_back("member " + std::to_string(seat.number) + " in seat " +
                          std::to_string(n) + " ended with " + std::to_string(code) +
                          " before it was killed");
  }
}

void Storm::rage(std::chrono::nanoseconds time) {
  int64_t end = storm_now() + time.count();
  for (uint32_t n = 0; n < seats_.size(); ++n) {
    if (seats_[n].pid == 0) {
      fill(n);
    } else {
      // Who ended by itself in a calm is gone; who is here has its life before it.
      seats_[n].due = std::max(seats_[n].due, storm_now());
    }
  }
  while (complaints_.empty()) {
    auto next = std::min_element(seats_.begin(), seats_.end(),
                                 [](const Seat& a, const Seat& b) { return a.due < b.due; });
    if (next->due >= end) {
      return;
    }
    sleep_until(next->due);
    uint32_t n = static_cast<uint32_t>(next - seats_.begin());
    kill(n);
    fill(n);
  }
}

void Storm::calm(uint32_t first, uint32_t last) {
  for (uint32_t n = first; n <= last; ++n) {
    if (seats_[n].pid == 0) {
      continue;
    }
    int code = reap(seats_[n]);
    if (code != 0) {
      complaints_.push_back("member " + std::to_string(seats_[n].number) + " in seat " +
                            std::to_string(n) + " ended with " + std::to_string(code));
    }
  }
}

int run_apart(const std::function<int()>& body, std::optional<std::chrono::nanoseconds> limit) {
  std::fflush(nullptr);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) {
    die("mp::testing::run_apart: fork");
  }
  if (pid == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
      _exit(1);
    }
    int code = body();
    std::fflush(nullptr);
    _exit(code);
  }
  // In both, so that whoever comes first has done it.
  setpgid(pid, pid);
  if (limit.has_value()) {
    int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) {
      die("mp::testing::run_apart: pidfd_open");
    }
    int64_t end = storm_now() + limit->count();
    for (bool over = false; !over;) {
      int64_t left = std::max<int64_t>(0, end - storm_now());
      pollfd gone{fd, POLLIN, 0};
      int n = poll(&gone, 1, static_cast<int>(left / 1'000'000));
      over = n > 0 || (n == 0 && left < 1'000'000);
    }
    close(fd);
  }
  // With nobody left this is an error, and fine. Those whose parent is dead die by themselves.
  if (limit.has_value()) {
    ::kill(-pid, SIGKILL);
  }
  return wait_for(pid);
}

}  // namespace mp::testing
