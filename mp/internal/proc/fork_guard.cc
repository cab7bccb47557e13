#include "mp/internal/proc/fork_guard.h"

#include <pthread.h>

#include <atomic>
#include <mutex>

#include "mp/internal/base/check.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

MP_FORK_STATE constinit std::mutex g_starting;
// The thread that holds a StartLock. Only that thread can find itself here, so no order is needed.
MP_FORK_STATE constinit std::atomic<pthread_t> g_starter{};
MP_FORK_STATE constinit bool g_ours = false;  // that thread's

bool is_starter() { return g_starter.load(std::memory_order_relaxed) == pthread_self(); }

void no_starter() {
  g_ours = false;
  g_starter.store(pthread_t{}, std::memory_order_relaxed);
}

constexpr int kMostHooks = 4;
ForkHooks g_hooks[kMostHooks];
int g_hook_count = 0;

void prepare() {
  if (!is_starter()) {
    g_starting.lock();
  }
  for (int i = 0; i < g_hook_count; ++i) {
    g_hooks[i].prepare();
  }
}

void in_parent() {
  for (int i = g_hook_count; i-- > 0;) {
    g_hooks[i].parent();
  }
  if (!is_starter()) {
    g_starting.unlock();
  }
}

void in_child() {
  for (int i = g_hook_count; i-- > 0;) {
    g_hooks[i].child();
  }
  no_starter();
  g_starting.unlock();
}

}  // namespace

StartLock::StartLock() {
  Family::get();
  [[maybe_unused]] static const bool attached =
      handle_forks(ForkOrder::kStart, {prepare, in_parent, in_child});
  g_starting.lock();
  g_starter.store(pthread_self(), std::memory_order_relaxed);
}

StartLock::~StartLock() {
  if (!is_starter()) {
    // In a child that was forked meanwhile.
    return;
  }
  no_starter();
  g_starting.unlock();
}

void StartLock::fork_is_ours() noexcept { g_ours = true; }

bool forked_by_mp() noexcept { return is_starter() && g_ours; }

void add_fork_hooks(const ForkHooks& hooks) {
  check(g_hook_count < kMostHooks, "too many fork hooks");
  g_hooks[g_hook_count++] = hooks;
}

}  // namespace mp::internal
