#include "bench/micro/micro.h"

namespace bench {

Body start_fork() { return {nullptr, "Process not built yet"}; }

Body start_forkserver() { return {nullptr, "Process not built yet"}; }

Body start_spawn() { return {nullptr, "Process not built yet"}; }

Body start_threads() { return {nullptr, "Process not built yet"}; }

}  // namespace bench
