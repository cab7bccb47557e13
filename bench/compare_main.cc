// ./tools/bazel run //bench:compare -- old.json new.json

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench/compare.h"
#include "bench/json.h"
#include "bench/paths.h"

namespace {

constexpr char kUsage[] =
    "usage: ./tools/bazel run //bench:compare -- [--threshold=0.2] OLD.json NEW.json\n"
    "\n"
    "Compares two files of bench --json by ratios. Exit status: 0 nothing got slower, 1 something "
    "did, 2 it cannot be said.\n";

std::optional<bench::Json> read(const std::string& path) {
  std::ifstream file(bench::from_working_directory(path));
  if (!file) {
    std::fprintf(stderr, "compare: cannot read %s\n", path.c_str());
    return std::nullopt;
  }
  std::ostringstream text;
  text << file.rdbuf();
  std::string error;
  std::optional<bench::Json> value = bench::Json::parse(text.str(), &error);
  if (!value) std::fprintf(stderr, "compare: %s is not JSON: %s\n", path.c_str(), error.c_str());
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  double threshold = bench::kDefaultThreshold;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    constexpr char kThreshold[] = "--threshold=";
    if (std::strncmp(argv[i], kThreshold, sizeof kThreshold - 1) == 0) {
      threshold = std::atof(argv[i] + sizeof kThreshold - 1);
    } else {
      files.push_back(argv[i]);
    }
  }
  if (files.size() != 2 || !(threshold > 0) || files[0][0] == '-' || files[1][0] == '-') {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const std::optional<bench::Json> before = read(files[0]);
  const std::optional<bench::Json> after = read(files[1]);
  if (!before || !after) return 2;
  const bench::Comparison comparison = bench::compare(*before, *after, threshold);
  std::fputs(comparison.text.c_str(), stdout);
  return comparison.status;
}
