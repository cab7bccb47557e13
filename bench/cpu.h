// bench/cpu.h
//
// The CPU time (user + system) of this process and of everything that it started.

#ifndef MP_BENCH_CPU_H_
#define MP_BENCH_CPU_H_

namespace bench {

// Seconds used so far by this process, by its children that were waited for, and by its living
// descendants. The first two are exact; a living descendant (a fork server) counts in the kernel's
// clock ticks, 10 ms.
double tree_cpu_seconds();

}  // namespace bench

#endif  // MP_BENCH_CPU_H_
