// The benchmark's main: ./tools/bazel run -c opt //bench

#include <cstring>

#include "bench/harness.h"
#include "bench/versus/versus.h"
#include "mp/process.h"

int main(int argc, char** argv) {
  // Even before freeze_support(): what posix_spawn_self measures is a start of this binary that
  // does nothing.
  if (argc == 2 && std::strcmp(argv[1], bench::kReturnAtOnce) == 0) return 0;
  mp::freeze_support(argc, argv);
  return bench::run(argc, argv);
}
