#include "mp/internal/core/thread_id.h"

#include <pthread.h>
#include <unistd.h>

namespace mp::internal {

constinit thread_local uint32_t t_thread_id = 0;

uint32_t look_up_thread_id() noexcept {
  // The one thread that a forked child has is a new one to the kernel.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { t_thread_id = 0; });
  (void)registered;
  return t_thread_id = static_cast<uint32_t>(gettid());
}

}  // namespace mp::internal
