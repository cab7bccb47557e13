#include "bench/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

extern char** environ;

namespace bench {
namespace {

volatile sig_atomic_t running_group = 0;

void end_with_the_group(int signal_number) {
  if (running_group > 0) kill(-running_group, SIGKILL);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void forward_interrupts() {
  static const bool once = [] {
    for (int s : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction old;
      if (sigaction(s, nullptr, &old) == 0 && old.sa_handler == SIG_DFL)
        signal(s, end_with_the_group);
    }
    return true;
  }();
  static_cast<void>(once);
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  off_t at = 0;
  for (;;) {
    const ssize_t n = pread(fd, buffer, sizeof buffer, at);
    if (n <= 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    at += n;
  }
}

// The last line of what a program complained, short enough for a note.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const size_t line = text.rfind('\n');
  if (line != std::string::npos) text.erase(0, line + 1);
  constexpr size_t kMost = 300;
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text;
}

// True if the process ended before the deadline.
bool await_end(pid_t pid, double seconds) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + std::chrono::duration<double>(seconds);
  // Without a pidfd (an old kernel, a strict sandbox) looking every 10 ms will do.
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  bool ended = false;
  while (!ended) {
    const double left = std::chrono::duration<double>(deadline - steady_clock::now()).count();
    if (left <= 0) break;
    pollfd end{pidfd, POLLIN, 0};
    poll(&end, 1, static_cast<int>((pidfd < 0 ? std::min(left, 0.01) : left) * 1000) + 1);
    siginfo_t info{};
    ended = waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
            info.si_pid == pid;
  }
  if (pidfd >= 0) close(pidfd);
  return ended;
}

}  // namespace

Outcome launch(const std::vector<std::string>& command, double seconds) {
  forward_interrupts();
  Outcome outcome;
  const int out = memfd_create("bench-output", MFD_CLOEXEC);
  const int err = memfd_create("bench-errors", MFD_CLOEXEC);
  if (out < 0 || err < 0) {
    outcome.failure = std::string("memfd_create: ") + std::strerror(errno);
    return outcome;
  }
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  if (error != 0) {
    outcome.failure = command[0] + " does not start: " + std::strerror(error);
  } else {
    running_group = pid;
    const bool ended = await_end(pid, seconds);
    // Not yet waited for, so the number still names this group and no other.
    kill(-pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    running_group = 0;
    outcome.output = read_all(out);
    if (!ended) {
      char limit[64];
      std::snprintf(limit, sizeof limit, "no end within %g s", seconds);
      outcome.failure = limit;
    } else if (WIFSIGNALED(status)) {
      outcome.failure = std::string("killed by signal ") + std::to_string(WTERMSIG(status)) + " (" +
                        strsignal(WTERMSIG(status)) + ")";
    } else if (WEXITSTATUS(status) != 0) {
      outcome.failure = "exit status " + std::to_string(WEXITSTATUS(status));
    }
    if (!outcome.failure.empty()) {
      const std::string complaint = last_line(read_all(err));
      if (!complaint.empty()) outcome.failure += ": " + complaint;
    }
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(out);
  close(err);
  return outcome;
}

}  // namespace bench
