#include "bench/micro/micro.h"

namespace bench {

Body condition_processes() { return {nullptr, "Condition not built yet"}; }

Body condition_threads() { return {nullptr, "Condition not built yet"}; }

}  // namespace bench
