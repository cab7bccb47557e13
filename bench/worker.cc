#include "bench/worker.h"

#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "bench/row.h"

namespace bench {
namespace {

// Keeps one run's figures. Of the context that Google Benchmark reports, nothing is printed: it
// describes how Debian built the library, whose timing loops are inline and built here.
class KeepingReporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      if (run.error_occurred) {
        error_ = run.error_message;
        continue;
      }
      const double per_operation = 1e9 / static_cast<double>(run.iterations);
      wall_ = run.real_accumulated_time * per_operation;
      auto cpu = run.counters.find(kCpuCounter);
      if (cpu != run.counters.end()) cpu_ = cpu->second.value * per_operation;
      ++runs_;
    }
  }

  bool has_run() const { return runs_ > 0; }
  const std::string& error() const { return error_; }
  double wall() const { return wall_; }
  double cpu() const { return cpu_; }

 private:
  int runs_ = 0;
  double wall_ = 0;
  double cpu_ = 0;
  std::string error_;
};

// Runs `body` once, and reports.
void run(const Body& body, const char* name, int64_t operations, KeepingReporter& reporter) {
  // Every variant either sets its own time or is the loop itself, and real time is right for both.
  auto* registered = benchmark::RegisterBenchmark(name, [body](benchmark::State& state) {
    try {
      body.run(state);
    } catch (const std::exception& e) {
      state.SkipWithError(e.what());
    }
  });
  registered->Iterations(operations)->Repetitions(1);
  if (body.times_itself) {
    registered->UseManualTime();
  } else {
    registered->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks(&reporter, std::string("^") + name + "/");
}

}  // namespace

int run_worker(const std::string& variant, int64_t operations) {
  // The harness may be killed. It starts workers from its only thread, which is what the kernel
  // watches here.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const size_t slash = variant.find('/');
  const Variant* found = nullptr;
  for (const Row& row : rows()) {
    if (row.name == variant.substr(0, slash) && slash != std::string::npos) {
      found = row.variant(variant.substr(slash + 1));
    }
  }
  if (found == nullptr || found->body.run == nullptr) {
    std::fprintf(stderr, "bench: there is no variant '%s'\n", variant.c_str());
    return 2;
  }
  char name[] = "bench";
  char* argv[] = {name, nullptr};
  int argc = 1;
  benchmark::Initialize(&argc, argv);

  KeepingReporter warm_up;
  run(found->body, "warm_up", std::max<int64_t>(2, operations / 10), warm_up);
  KeepingReporter reporter;
  if (warm_up.error().empty()) run(found->body, "measured", operations, reporter);
  const std::string& error = warm_up.error().empty() ? reporter.error() : warm_up.error();
  if (!error.empty() || !reporter.has_run()) {
    std::fprintf(stderr, "%s\n", error.empty() ? "nothing was run" : error.c_str());
    return 1;
  }
  char line[128];
  const int length =
      std::snprintf(line, sizeof line, "measured %.17g %.17g\n", reporter.wall(), reporter.cpu());
  return write(1, line, static_cast<size_t>(length)) == length ? 0 : 1;
}

Measurement measure(const std::string& row, const std::string& column, int64_t operations,
                    double seconds) {
  Measurement measurement;
  const Outcome outcome = launch({"/proc/self/exe", kWorkerFlag + row + "/" + column,
                                  "--operations=" + std::to_string(operations)},
                                 seconds);
  measurement.failure = outcome.failure;
  if (outcome.failure.empty() && std::sscanf(outcome.output.c_str(), "measured %lf %lf",
                                             &measurement.wall, &measurement.cpu) != 2) {
    measurement.failure = "the worker printed no figures";
  }
  return measurement;
}

}  // namespace bench
