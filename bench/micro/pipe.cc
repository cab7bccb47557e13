#include "bench/micro/micro.h"

namespace bench {

Body pipe_processes() { return {nullptr, "Pipe not built yet"}; }

Body pipe_threads() { return {nullptr, "Pipe not built yet"}; }

}  // namespace bench
