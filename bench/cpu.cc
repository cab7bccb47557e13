#include "bench/cpu.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

namespace bench {
namespace {

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

double used(int who) {
  rusage usage;
  getrusage(who, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Entry {
  long parent = 0;
  // Its own time and that of the children it waited for.
  unsigned long long ticks = 0;
};

bool read_stat(long pid, Entry* entry) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return false;
  char line[1024];
  size_t n = std::fread(line, 1, sizeof line - 1, file);
  std::fclose(file);
  line[n] = '\0';
  // The name in parentheses may hold anything, so the fields count from the last one.
  const char* rest = std::strrchr(line, ')');
  unsigned long long utime, stime, cutime, cstime;
  if (rest == nullptr ||
      std::sscanf(rest + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu",
                  &entry->parent, &utime, &stime, &cutime, &cstime) != 5) {
    return false;
  }
  entry->ticks = utime + stime + cutime + cstime;
  return true;
}

double living_descendants() {
  std::map<long, Entry> all;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return 0;
  while (const dirent* d = readdir(proc)) {
    long pid = std::strtol(d->d_name, nullptr, 10);
    Entry entry;
    if (pid > 0 && read_stat(pid, &entry)) all[pid] = entry;
  }
  closedir(proc);

  unsigned long long ticks = 0;
  const long self = getpid();
  for (const auto& [pid, entry] : all) {
    long ancestor = pid;
    // Bounded: a pid that was used again while we read could close a circle.
    for (int steps = 0; steps < 64 && ancestor > 1 && ancestor != self; ++steps) {
      auto at = all.find(ancestor);
      ancestor = at == all.end() ? 0 : at->second.parent;
    }
    if (pid != self && ancestor == self) ticks += entry.ticks;
  }
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

double tree_cpu_seconds() {
  return used(RUSAGE_SELF) + used(RUSAGE_CHILDREN) + living_descendants();
}

}  // namespace bench
