#include "bench/micro/micro.h"

namespace bench {

Body array_processes() { return {nullptr, "RawArray not built yet"}; }

Body array_threads() { return {nullptr, "RawArray not built yet"}; }

Body locked_array_processes() { return {nullptr, "Array not built yet"}; }

Body locked_array_threads() { return {nullptr, "Array not built yet"}; }

}  // namespace bench
