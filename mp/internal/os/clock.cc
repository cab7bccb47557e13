#include "mp/internal/os/clock.h"

#include <time.h>

#include "mp/internal/base/fork_state.h"

namespace mp::internal {

MP_FORK_STATE constinit std::atomic<int> g_interruptible{0};

int64_t monotonic_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace mp::internal
