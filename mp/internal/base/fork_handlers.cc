#include "mp/internal/base/fork_handlers.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "mp/internal/base/check.h"

namespace mp::internal {
namespace {

constexpr auto kCount = static_cast<size_t>(ForkOrder::kCount);

constinit std::array<ForkHandlers, kCount> g_handlers;
// A bit each. Released by whoever fills one in, so that a fork that sees the bit sees the handlers.
constinit std::atomic<uint32_t> g_registered{0};
// Those that this thread's fork began with.
constinit thread_local uint32_t t_called = 0;

void prepare() {
  t_called = g_registered.load(std::memory_order_acquire);
  for (size_t i = 0; i < kCount; ++i) {
    if ((t_called >> i & 1) != 0 && g_handlers[i].prepare != nullptr) {
      g_handlers[i].prepare();
    }
  }
}

void after(void (*ForkHandlers::*handler)()) {
  for (size_t i = kCount; i-- > 0;) {
    if ((t_called >> i & 1) != 0 && g_handlers[i].*handler != nullptr) {
      (g_handlers[i].*handler)();
    }
  }
}

}  // namespace

bool handle_forks(ForkOrder order, const ForkHandlers& handlers) {
  static const bool attached =
      pthread_atfork(
          prepare, [] { after(&ForkHandlers::parent); }, [] { after(&ForkHandlers::child); }) == 0;
  check(attached, "no memory for fork handlers");
  auto i = static_cast<size_t>(order);
  g_handlers[i] = handlers;
  uint32_t before = g_registered.fetch_or(uint32_t{1} << i, std::memory_order_release);
  check((before >> i & 1) == 0, "fork handlers registered twice");
  return true;
}

}  // namespace mp::internal
