// bench/variant.h
//
// A variant is one way to do a row's work: between processes, between threads, with a rival. Each
// is one function under Google Benchmark, registered with a fixed number of operations. This header
// has what such functions share.

#ifndef MP_BENCH_VARIANT_H_
#define MP_BENCH_VARIANT_H_

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdint>

#include "bench/cpu.h"

namespace bench {

// What a variant runs, or why it cannot be run.
struct Body {
  void (*run)(benchmark::State&) = nullptr;
  const char* unavailable = nullptr;
  // Made by self_timed() below.
  bool times_itself = false;
};

// Rows of messages: the length of each, and how many travel together where a row says "batch".
inline constexpr int kMessageBytes = 256;
inline constexpr int kBatch = 64;
// The row of many parties: how many there are on each side, and the length of their messages.
inline constexpr int kManyParties = 4;
inline constexpr int kSmallBytes = 64;
using SmallMessage = std::array<char, kSmallBytes>;
// Rows of large messages: the length of each.
inline constexpr size_t kLargeBytes = 1 << 20;
// The row of whole arrays: their length.
inline constexpr int kArrayLength = 1000;

// The counter in which a variant leaves its CPU seconds.
inline constexpr char kCpuCounter[] = "cpu_seconds";

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Counts CPU time from its construction to report(), of all processes that take part.
class CpuMeter {
 public:
  CpuMeter() : start_(tree_cpu_seconds()) {}
  void report(benchmark::State& state) const {
    state.counters[kCpuCounter] = tree_cpu_seconds() - start_;
  }

 private:
  double start_;
};

// For the function of a variant whose operations are the turns of a loop.
template <class Operation>
void time_each(benchmark::State& state, Operation operation) {
  CpuMeter cpu;
  for (auto _ : state) operation();
  cpu.report(state);
}

// A variant that times itself, because its parties must be ready before the clock starts:
// transfer(n) does n operations and returns the seconds they took.
template <double (*transfer)(int64_t n)>
Body self_timed() {
  return {[](benchmark::State& state) {
            const int64_t n = static_cast<int64_t>(state.max_iterations);
            CpuMeter cpu;
            while (state.KeepRunningBatch(n)) state.SetIterationTime(transfer(n));
            cpu.report(state);
          },
          nullptr, true};
}

}  // namespace bench

#endif  // MP_BENCH_VARIANT_H_
