#include "mp/internal/os/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace mp::internal {
namespace {

int affinity() {
  // The mask may be longer than cpu_set_t: the kernel refuses one that is too short.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) {
      break;
    }
    size_t size = CPU_ALLOC_SIZE(cpus);
    CPU_ZERO_S(size, set);
    int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) {
      return count;
    }
  }
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

// Both numbers of a file of cgroup version 2, or the one of a file of version 1; false for "max"
// and for no file.
bool read_numbers(const std::string& path, int count, double* numbers) {
  FILE* f = fopen(path.c_str(), "re");
  if (f == nullptr) {
    return false;
  }
  bool ok = true;
  for (int i = 0; i < count && ok; ++i) {
    ok = fscanf(f, "%lf", &numbers[i]) == 1;
  }
  fclose(f);
  return ok;
}

// The processors that the cgroup `dir` of the hierarchy at `root`, or one above it, allows; `none`
// without a limit.
double quota(const std::string& root, std::string dir, bool v2, double none) {
  double least = none;
  for (;;) {
    std::string at = root + dir;
    double n[2] = {0, 0};
    bool limited = v2 ? read_numbers(at + "/cpu.max", 2, n)
                      : read_numbers(at + "/cpu.cfs_quota_us", 1, &n[0]) &&
                            read_numbers(at + "/cpu.cfs_period_us", 1, &n[1]);
    if (limited && n[0] > 0 && n[1] > 0) {
      least = std::min(least, n[0] / n[1]);
    }
    if (dir.empty() || dir == "/") {
      return least;
    }
    size_t slash = dir.rfind('/');
    dir.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

double cgroup_cpus(const std::string& list, const std::string& root, double none) {
  double least = none;
  FILE* f = fopen(list.c_str(), "re");
  if (f == nullptr) {
    return least;
  }
  char line[4096];
  while (fgets(line, sizeof line, f) != nullptr) {
    line[strcspn(line, "\n")] = '\0';
    // "hierarchy:controllers:/path"
    char* controllers = strchr(line, ':');
    char* path = controllers != nullptr ? strchr(controllers + 1, ':') : nullptr;
    if (path == nullptr) {
      continue;
    }
    *path++ = '\0';
    ++controllers;
    if (*controllers == '\0') {
      least = std::min(least, quota(root, path, true, none));
    } else if (std::string names = std::string(",") + controllers + ",";
               names.find(",cpu,") != std::string::npos) {
      least = std::min(least, quota(root + "/cpu", path, false, none));
    }
  }
  fclose(f);
  return least;
}

int usable_cpus() noexcept {
  int cpus = affinity();
  double paid = cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup", cpus);
  return std::max(1, std::min(cpus, static_cast<int>(std::ceil(paid))));
}

int thread_count() noexcept {
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer has one of its own.
  constexpr int kOthers = 1;
#else
  constexpr int kOthers = 0;
#endif
  // One link for the directory itself, one for its parent, one per thread.
  struct stat st {};
  return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2
             ? static_cast<int>(st.st_nlink) - 2 - kOthers
             : 0;
}

}  // namespace mp::internal
