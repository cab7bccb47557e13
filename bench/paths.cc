#include "bench/paths.h"

#include <limits.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace bench {

std::string from_working_directory(const std::string& path) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory == nullptr || path.empty() || path[0] == '/') return path;
  return std::string(directory) + "/" + path;
}

std::string runfile(const std::string& path) {
  std::vector<std::string> roots;
  for (const char* variable : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
    if (const char* directory = std::getenv(variable))
      roots.push_back(std::string(directory) + "/mp");
  }
  char self[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n > 0) roots.push_back(std::string(self, static_cast<size_t>(n)) + ".runfiles/mp");
  // `bazel run` and `bazel test` start a program at the root of its runfiles.
  roots.push_back(".");
  for (const std::string& root : roots) {
    const std::string candidate = root + "/" + path;
    if (access(candidate.c_str(), R_OK) == 0) return candidate;
  }
  return "";
}

}  // namespace bench
