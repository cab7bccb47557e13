#include "mp/internal/os/stopped.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string_view>

#include "mp/internal/os/pidfd.h"

namespace mp::internal {
namespace {

UniqueFd open_proc(int pid, const char* file) noexcept {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  return UniqueFd(open(path, O_RDONLY | O_CLOEXEC));
}

size_t read_some(int fd, char* to, size_t size) noexcept {
  ssize_t n;
  do {
    n = read(fd, to, size);
  } while (n < 0 && errno == EINTR);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

bool is_stopped(int pid) noexcept {
  UniqueFd file = open_proc(pid, "stat");
  char text[512];
  std::string_view stat(text, file.valid() ? read_some(file.get(), text, sizeof text) : 0);
  // "PID (NAME) S ...": the name may hold anything. A small t is a tracer's.
  const size_t name = stat.rfind(')');
  return name != stat.npos && stat.substr(name + 1, 2) == " T";
}

bool maps_file(int pid, int fd) noexcept {
  struct stat st;
  UniqueFd file = open_proc(pid, "maps");
  if (!file.valid() || fstat(fd, &st) != 0) {
    return false;
  }
  // "FROM-TO MODE OFFSET DEVICE INODE NAME"
  char wanted[64];
  snprintf(wanted, sizeof wanted, " %02x:%02x %lu ", major(st.st_dev), minor(st.st_dev),
           static_cast<unsigned long>(st.st_ino));
  char text[4096];
  size_t kept = 0;
  while (size_t n = read_some(file.get(), text + kept, sizeof text - kept)) {
    std::string_view seen(text, kept + n);
    if (seen.find(wanted) != seen.npos) {
      return true;
    }
    // What is cut off here may begin the next.
    kept = seen.size() < sizeof wanted ? seen.size() : sizeof wanted;
    memmove(text, text + seen.size() - kept, kept);
  }
  return false;
}

}  // namespace

UniqueFd continue_stopped(int pid, int mapped, absl::FunctionRef<bool()> wanted) noexcept {
  // Opened first: what is found out then is true of the process that it names.
  UniqueFd process = open_pidfd(pid);
  if (!process.valid() || !is_stopped(pid) || !maps_file(pid, mapped) || !wanted() ||
      signal_pidfd(process.get(), SIGCONT) != 0) {
    process.reset();
  }
  return process;
}

}  // namespace mp::internal
