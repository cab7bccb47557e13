#include "bench/context.h"

#include <sched.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "bench/launch.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MP_BENCH_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MP_BENCH_SANITIZED 1
#endif

extern char** environ;

namespace bench {
namespace {

// The value of the first line "key : value" in a file of /proc.
std::string value_in(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

// The commit of the tree that `bazel run` was called in.
Json commit() {
  const char* tree = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (tree == nullptr) return {};
  const Outcome head = launch({"git", "-C", tree, "rev-parse", "HEAD"}, 10);
  if (!head.failure.empty()) return {};
  const Outcome status = launch({"git", "-C", tree, "status", "--porcelain"}, 10);
  const bool changed = status.failure.empty() && !status.output.empty();
  return first_line(head.output) + (changed ? " with changes" : "");
}

std::string now() {
  const time_t t = time(nullptr);
  tm utc;
  gmtime_r(&t, &utc);
  char buffer[32];
  strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return buffer;
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

}  // namespace

std::string unfit_build() {
#if !defined(__OPTIMIZE__)
  return "built without optimisation";
#elif defined(MP_BENCH_SANITIZED)
  return "built with a sanitizer";
#else
  return "";
#endif
}

ProcessorTimes processor_times() {
  ProcessorTimes times;
  std::ifstream file("/proc/stat");
  std::string cpu;
  file >> cpu;
  // user nice system idle iowait irq softirq steal; what follows is contained in the first two.
  for (int i = 0; i < 8; ++i) {
    double ticks = 0;
    file >> ticks;
    times.total += ticks;
    if (i == 7) times.stolen = ticks;
  }
  return times;
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

Json::Object describe_machine() {
  utsname system;
  uname(&system);
  const std::string flags = value_in("/proc/cpuinfo", "flags");
  Json::Object options;
  for (const char* const* variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "MP_", 3) != 0) continue;
    const char* equals = std::strchr(*variable, '=');
    if (equals != nullptr) options.emplace_back(std::string(*variable, equals), equals + 1);
  }
  return {
      {"date", now()},
      {"commit", commit()},
      {"machine", system.machine},
      {"cpu_model", or_null(value_in("/proc/cpuinfo", "model name"))},
      {"cores", usable_cores()},
      {"virtual_machine", flags.find("hypervisor") != std::string::npos},
      {"memory", or_null(value_in("/proc/meminfo", "MemTotal"))},
      {"kernel", std::string(system.sysname) + " " + system.release},
      {"compiler", compiler()},
      {"build", unfit_build().empty() ? Json("optimised") : Json(unfit_build())},
      {"benchmark_library", "Google Benchmark, as installed"},
      {"mp_options", std::move(options)},
      {"load_average_at_start", load_average()},
  };
}

}  // namespace bench
