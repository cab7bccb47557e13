// mp/internal/core/wait_core.h
//
// Waiting for several pipes and descriptors in one call: one doorbell for all the pipes, one pidfd for each process that
// holds their other ends.

#ifndef MP_INTERNAL_CORE_WAIT_CORE_H_
#define MP_INTERNAL_CORE_WAIT_CORE_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

class SocketEnd;

struct WaitItem {
  uint64_t ring = 0;  // a PipeRing that is read from, held by the caller; or
  int fd = -1;
  SocketEnd* socket = nullptr;  // whose `fd` is; held by the caller
  bool ready = false;
};

// Waits until one of `items` is ready, and marks all that are. None is when `deadline` passed first. An OSError when a
// descriptor is not open.
absl::Status wait_for_items(std::span<WaitItem> items, Deadline deadline);

// Closes what is kept for the next call.
void forget_spare_doorbell() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_WAIT_CORE_H_
