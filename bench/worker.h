// bench/worker.h
//
// One repetition of one variant, in a process of its own: no thread, no heap and no arena is left
// over from another variant, a crash costs one figure, and each repetition draws new addresses.

#ifndef MP_BENCH_WORKER_H_
#define MP_BENCH_WORKER_H_

#include <cstdint>
#include <string>

#include "bench/launch.h"

namespace bench {

// Nanoseconds per operation.
struct Measurement {
  double wall = 0;
  double cpu = 0;
  // Why there is none; empty if there is.
  std::string failure;
};

inline constexpr char kWorkerFlag[] = "--worker=";

// In the worker: runs "row/column" under Google Benchmark and prints the measurement. Returns the
// exit status.
int run_worker(const std::string& variant, int64_t operations);

// In the harness: runs a worker of this binary.
Measurement measure(const std::string& row, const std::string& column, int64_t operations,
                    double seconds);

}  // namespace bench

#endif  // MP_BENCH_WORKER_H_
