#include "mp/testing/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace mp::testing {
namespace {

// Reads the start of /proc/PID/NAME; empty when the process is gone.
std::string_view read_proc(pid_t pid, const char* name, char* buffer, size_t size) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return {};
  }
  size_t length = 0;
  for (ssize_t n; length < size && (n = read(fd, buffer + length, size - length)) > 0;) {
    length += static_cast<size_t>(n);
  }
  close(fd);
  return {buffer, length};
}

// What follows the command's name, which may hold anything.
std::string_view stat_fields(pid_t pid, char* buffer, size_t size) {
  std::string_view stat = read_proc(pid, "stat", buffer, size);
  size_t end = stat.rfind(')');
  return end == std::string_view::npos || end + 2 >= stat.size() ? std::string_view()
                                                                 : stat.substr(end + 2);
}

}  // namespace

char process_state(pid_t pid) {
  char buffer[512];
  std::string_view fields = stat_fields(pid, buffer, sizeof buffer);
  return fields.empty() ? 0 : fields[0];
}

long blocked_in(pid_t pid) {
  char buffer[256];
  std::string_view text = read_proc(pid, "syscall", buffer, sizeof buffer - 1);
  if (text.empty() || text[0] == 'r') {
    return -1;
  }
  buffer[text.size()] = '\0';
  return std::strtol(buffer, nullptr, 10);
}

bool asleep_in_futex(pid_t pid) {
  constexpr long kFutexWaitv = 449;
  constexpr long kFutexWait = 455;
  if (process_state(pid) != 'S') {
    return false;
  }
  long call = blocked_in(pid);
  if (call == SYS_restart_syscall) {
    // A sleep that a tracer or a signal has interrupted goes on under this name.
    char buffer[64];
    std::string_view where = read_proc(pid, "wchan", buffer, sizeof buffer);
    return where.substr(0, 5) == "futex";
  }
  return call == SYS_futex || call == kFutexWaitv || call == kFutexWait;
}

uint64_t switches(pid_t pid) {
  char buffer[4096];
  std::string_view status = read_proc(pid, "status", buffer, sizeof buffer - 1);
  buffer[status.size()] = '\0';
  uint64_t sum = 0;
  for (const char* name : {"\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:"}) {
    size_t at = status.find(name);
    if (at != std::string_view::npos) {
      sum += std::strtoull(status.data() + at + std::strlen(name), nullptr, 10);
    }
  }
  return sum;
}

namespace {

template <class F>
bool await(pid_t pid, F there, std::chrono::nanoseconds limit) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (!there()) {
    char state = process_state(pid);
    if (state == 0 || state == 'Z' || std::chrono::steady_clock::now() >= end) {
      return false;
    }
    sched_yield();
  }
  return true;
}

}  // namespace

bool await_asleep(pid_t pid, std::chrono::nanoseconds limit) {
  return await(
      pid, [pid] { return asleep_in_futex(pid); }, limit);
}

bool await_blocked_in(pid_t pid, long call, std::chrono::nanoseconds limit) {
  return await(
      pid, [pid, call] { return blocked_in(pid) == call; }, limit);
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) {
    return children;
  }
  while (dirent* entry = readdir(proc)) {
    pid_t other = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    char buffer[512];
    std::string_view fields = other > 0 ? stat_fields(other, buffer, sizeof buffer - 1) : "";
    if (fields.size() > 2 && std::strtol(fields.data() + 2, nullptr, 10) == pid) {
      children.push_back(other);
    }
  }
  closedir(proc);
  std::sort(children.begin(), children.end());
  return children;
}

std::string command_of(pid_t pid) {
  char buffer[512];
  std::string command(read_proc(pid, "cmdline", buffer, sizeof buffer));
  std::replace(command.begin(), command.end(), '\0', ' ');
  while (!command.empty() && command.back() == ' ') {
    command.pop_back();
  }
  if (command.empty()) {
    std::string_view name = read_proc(pid, "comm", buffer, sizeof buffer);
    command = "[" + std::string(name.substr(0, name.find('\n'))) + "]";
  }
  return command;
}

}  // namespace mp::testing
