#include "bench/micro/micro.h"

namespace bench {

Body lock_processes() { return {nullptr, "Lock not built yet"}; }

Body lock_threads() { return {nullptr, "Lock not built yet"}; }

Body rlock_processes() { return {nullptr, "RLock not built yet"}; }

Body rlock_threads() { return {nullptr, "RLock not built yet"}; }

}  // namespace bench
