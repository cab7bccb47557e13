// bench/figures.h
//
// What the writer and the reader of a benchmark's file agree on: the names of the columns, and what
// a median is.

#ifndef MP_BENCH_FIGURES_H_
#define MP_BENCH_FIGURES_H_

#include <optional>
#include <vector>

namespace bench {

// The columns that every row has; every other column is a rival's name.
inline constexpr char kProcesses[] = "processes";
inline constexpr char kThreadsTwin[] = "threads_twin";
inline constexpr char kThreadsStd[] = "threads_std";
inline constexpr char kPython[] = "python";

// The middle one; between the middle two if their number is even. Nothing for nothing.
std::optional<double> median(std::vector<double> values);

}  // namespace bench

#endif  // MP_BENCH_FIGURES_H_
