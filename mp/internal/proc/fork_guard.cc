#include "mp/internal/proc/fork_guard.h"

#include <pthread.h>

#include <mutex>

#include "mp/internal/base/check.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

std::mutex g_starting;
thread_local bool t_starting = false;
thread_local bool t_ours = false;

constexpr int kMostHooks = 4;
ForkHooks g_hooks[kMostHooks];
int g_hook_count = 0;

void prepare() {
  if (!t_starting) {
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
  if (!t_starting) {
    g_starting.unlock();
  }
}

void in_child() {
  for (int i = g_hook_count; i-- > 0;) {
    g_hooks[i].child();
  }
  t_starting = false;
  t_ours = false;
  g_starting.unlock();
}

void attach() {
  // Its own handlers come first, so that they run last before a fork: their locks are taken under ours.
  Family::get();
  static const bool attached = pthread_atfork(prepare, in_parent, in_child) == 0;
  check(attached, "no memory for fork handlers");
}

}  // namespace

StartLock::StartLock() {
  attach();
  g_starting.lock();
  t_starting = true;
}

StartLock::~StartLock() {
  if (!t_starting) {
    // In a child that was forked meanwhile.
    return;
  }
  t_starting = false;
  t_ours = false;
  g_starting.unlock();
}

void StartLock::fork_is_ours() noexcept { t_ours = true; }

bool forked_by_mp() noexcept { return t_ours; }

void add_fork_hooks(const ForkHooks& hooks) {
  check(g_hook_count < kMostHooks, "too many fork hooks");
  g_hooks[g_hook_count++] = hooks;
}

}  // namespace mp::internal
