#include "bench/micro/micro.h"

namespace bench {

Body queue_processes() { return {nullptr, "Queue not built yet"}; }

Body queue_threads() { return {nullptr, "Queue not built yet"}; }

Body queue_batch_processes() { return {nullptr, "Queue not built yet"}; }

Body queue_batch_threads() { return {nullptr, "Queue not built yet"}; }

}  // namespace bench
