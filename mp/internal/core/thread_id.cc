#include "mp/internal/core/thread_id.h"

#include <unistd.h>

#include "mp/internal/base/fork_handlers.h"

namespace mp::internal {

constinit thread_local uint32_t t_thread_id = 0;

uint32_t look_up_thread_id() noexcept {
  // The one thread that a forked child has is a new one to the kernel.
  [[maybe_unused]] static const bool registered =
      handle_forks(ForkOrder::kThread, {.child = [] { t_thread_id = 0; }});
  return t_thread_id = static_cast<uint32_t>(gettid());
}

}  // namespace mp::internal
