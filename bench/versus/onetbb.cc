// oneTBB, the thread pool that C++ programs are given where one is wanted ready-made.

#include <oneapi/tbb.h>

#include <cstdint>
#include <vector>

#include "bench/versus/versus.h"
#include "bench/work.h"

namespace bench {
namespace {

constexpr int kThreads = 2;

int same(int x) { return x; }

double map(int64_t n) {
  tbb::task_arena arena(kThreads);
  const std::vector<int> in(static_cast<size_t>(n), 1);
  int (*volatile function)(int) = same;
  auto run = [&] {
    std::vector<int> out(in.size());
    tbb::parallel_for(tbb::blocked_range<size_t>(0, in.size()),
                      [&](const tbb::blocked_range<size_t>& range) {
                        int (*f)(int) = function;
                        for (size_t i = range.begin(); i < range.end(); ++i) {
                          out[i] = f(in[i]);
                        }
                      });
    return out;
  };
  double elapsed = 0;
  arena.execute([&] {
    run();
    const auto start = Clock::now();
    run();
    elapsed = seconds_since(start);
  });
  return elapsed;
}

double cpu(int64_t n) {
  tbb::task_arena arena(kThreads);
  std::vector<uint64_t> out(static_cast<size_t>(n));
  double elapsed = 0;
  arena.execute([&] {
    tbb::parallel_for(0, 1000, [&](int) {});
    const auto start = Clock::now();
    tbb::task_group tasks;
    for (uint64_t& result : out) {
      tasks.run([&] { result = work(1); });
    }
    tasks.wait();
    elapsed = seconds_since(start);
  });
  return elapsed;
}

}  // namespace

Body onetbb_map() { return self_timed<map>(); }
Body onetbb_cpu() { return self_timed<cpu>(); }

}  // namespace bench
