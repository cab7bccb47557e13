// mp/internal/os/cpus.h
//
// How many processors this process may keep busy.

#ifndef MP_INTERNAL_OS_CPUS_H_
#define MP_INTERNAL_OS_CPUS_H_

#include <string>

namespace mp::internal {

// The processors of the affinity mask, at most what the cgroup's quota pays for, rounded up; at
// least 1.
int usable_cpus() noexcept;

// How many processors the cgroups named in `list`, a /proc/PID/cgroup, and those above them pay for, with the hierarchies
// mounted in `root`; `none` without a limit below that.
double cgroup_cpus(const std::string& list, const std::string& root, double none);

// How many threads this process has now; 0 when that cannot be read.
int thread_count() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_CPUS_H_
