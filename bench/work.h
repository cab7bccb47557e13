// bench/work.h
//
// The same task for all pools: about 100 us of a processor that touch no memory.

#ifndef BENCH_WORK_H_
#define BENCH_WORK_H_

#include <cstdint>

namespace bench {

inline uint64_t work(uint64_t x) {
  for (int i = 0; i < 74'000; ++i) {
    x = x * 6364136223846793005 + 1442695040888963407;
  }
  return x;
}

}  // namespace bench

#endif  // BENCH_WORK_H_
