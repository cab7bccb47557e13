// bench/placement.h
//
// OnProcessor: keeps this thread on one processor as long as the object lives. For rows whose parties sleep: whether the
// scheduler wakes one beside the other or elsewhere is a factor of twenty, and nothing that mp or a rival decides.

#ifndef MP_BENCH_PLACEMENT_H_
#define MP_BENCH_PLACEMENT_H_

#include <sched.h>

namespace bench {

class OnProcessor {
 public:
  // Processor `which` of those that this thread may run on, counted round.
  explicit OnProcessor(int which) {
    sched_getaffinity(0, sizeof before_, &before_);
    int skip = which % CPU_COUNT(&before_);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &before_) || skip-- > 0) ++cpu;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnProcessor() { sched_setaffinity(0, sizeof before_, &before_); }
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;

 private:
  cpu_set_t before_;
};

}  // namespace bench

#endif  // MP_BENCH_PLACEMENT_H_
