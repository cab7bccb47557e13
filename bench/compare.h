// bench/compare.h
//
// Did mp get slower between two files of `bench --json`?
//
// Times of two runs say little: machines, neighbours and moods differ. What is compared is a ratio
// within one run, the time of mp over the time of controls that hold no code of mp (the row's
// rivals, or threads_std where it has none), taken repetition by repetition, because the variants
// of a repetition ran side by side. A change counts if the median ratio moved by more than the
// noise threshold, and by more than three standard errors of what the repetitions scatter.

#ifndef MP_BENCH_COMPARE_H_
#define MP_BENCH_COMPARE_H_

#include <string>

#include "bench/json.h"

namespace bench {

inline constexpr double kDefaultThreshold = 0.2;

struct Comparison {
  // The table, and what was not compared.
  std::string text;
  // The exit status: 0 nothing got slower, 1 something did, 2 it cannot be said (a figure is gone,
  // every row scatters too much, a file is no measurement).
  int status = 0;
};

// `threshold` 0.2 lets 20 % pass.
Comparison compare(const Json& before, const Json& after, double threshold = kDefaultThreshold);

}  // namespace bench

#endif  // MP_BENCH_COMPARE_H_
