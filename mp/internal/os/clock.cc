#include "mp/internal/os/clock.h"

#include <time.h>

#include "mp/internal/base/fork_state.h"

namespace mp::internal {

MP_FORK_STATE constinit std::atomic<int> g_interruptible{0};

namespace {

int64_t read_clock(clockid_t clock) noexcept {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int64_t monotonic_ns() noexcept { return read_clock(CLOCK_MONOTONIC); }

int64_t coarse_monotonic_ns() noexcept { return read_clock(CLOCK_MONOTONIC_COARSE); }

}  // namespace mp::internal
