// bench/harness.h
//
// The run: which variants are measured, in which order, and what is printed while and after.

#ifndef MP_BENCH_HARNESS_H_
#define MP_BENCH_HARNESS_H_

namespace bench {

// The whole program, after main() has dealt with the special ways in which this binary is started.
int run(int argc, char** argv);

}  // namespace bench

#endif  // MP_BENCH_HARNESS_H_
