// bench/context.h
//
// Where and how a run was made: what a figure needs beside it to mean something.

#ifndef MP_BENCH_CONTEXT_H_
#define MP_BENCH_CONTEXT_H_

#include <string>

#include "bench/json.h"

namespace bench {

// Why figures of this build would mean nothing: no optimisation, a sanitizer. Empty if they mean
// something.
std::string unfit_build();

// The work of all processors since boot, in ticks.
struct ProcessorTimes {
  double total = 0;
  double stolen = 0;
};
ProcessorTimes processor_times();

// The load average of the last minute.
double load_average();

// Machine, software, commit, time, and the MP_ options of the environment.
Json::Object describe_machine();

}  // namespace bench

#endif  // MP_BENCH_CONTEXT_H_
