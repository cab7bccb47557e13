// bench/launch.h
//
// Runs another program to its end, within a time limit, and keeps what it printed.

#ifndef MP_BENCH_LAUNCH_H_
#define MP_BENCH_LAUNCH_H_

#include <string>
#include <vector>

namespace bench {

struct Outcome {
  // What it wrote to standard output.
  std::string output;
  // Why there is no result: a sentence, empty if it exited with 0.
  std::string failure;
};

// The program is found as execvp() would. It and what it leaves behind, as far as that stayed in
// its process group, are killed at the limit, at its end, and when this process is interrupted.
Outcome launch(const std::vector<std::string>& command, double seconds);

}  // namespace bench

#endif  // MP_BENCH_LAUNCH_H_
