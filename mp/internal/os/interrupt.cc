#include "mp/internal/os/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "mp/errors.h"

namespace mp::internal {
namespace {

struct Guards {
  std::mutex mutex;
  bool installed = false;
  struct sigaction before {};
};
// Never destroyed.
Guards& guards() {
  static Guards& guards = *new Guards;
  return guards;
}

// SIGINTs so far; the last of them that a thread answered. Written by the handler.
std::atomic<uint32_t> g_came{0};
std::atomic<uint32_t> g_answered{0};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

thread_local int t_guards = 0;
// The last SIGINT that is none of this thread's business any more.
thread_local uint32_t t_seen = 0;

void note(int) { g_came.fetch_add(1, std::memory_order_relaxed); }

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == note;
}

// The mutex held. Leaves alone what somebody else has set meanwhile.
void restore(Guards& all) noexcept {
  struct sigaction now {};
  if (all.installed && sigaction(SIGINT, nullptr, &now) == 0 && is_ours(now)) {
    sigaction(SIGINT, &all.before, nullptr);
  }
  all.installed = false;
}

}  // namespace

void enter_interruptible() {
  Guards& all = guards();
  std::lock_guard hold(all.mutex);
  if (g_interruptible.load(std::memory_order_relaxed) == 0) {
    g_answered.store(g_came.load(std::memory_order_relaxed), std::memory_order_relaxed);
    sigaction(SIGINT, nullptr, &all.before);
    if ((all.before.sa_flags & SA_SIGINFO) != 0 || all.before.sa_handler != SIG_IGN) {
      // Without SA_RESTART: a call that waits comes back.
      struct sigaction action {};
      action.sa_handler = note;
      sigemptyset(&action.sa_mask);
      all.installed = sigaction(SIGINT, &action, nullptr) == 0;
    }
  }
  if (t_guards++ == 0) {
    t_seen = g_came.load(std::memory_order_relaxed);
  }
  g_interruptible.fetch_add(1, std::memory_order_relaxed);
}

void leave_interruptible() noexcept {
  Guards& all = guards();
  std::lock_guard hold(all.mutex);
  --t_guards;
  if (g_interruptible.fetch_sub(1, std::memory_order_relaxed) == 1 && all.installed) {
    restore(all);
    if (g_came.load(std::memory_order_relaxed) != g_answered.load(std::memory_order_relaxed)) {
      kill(getpid(), SIGINT);
    }
  }
}

void forget_interruptible() noexcept {
  if (g_interruptible.load(std::memory_order_relaxed) == 0) {
    return;
  }
  // Without the mutex, which another thread may have held: there is one thread now.
  restore(guards());
  g_interruptible.store(0, std::memory_order_relaxed);
  t_guards = 0;
  new (&guards().mutex) std::mutex;
}

InterruptHold::InterruptHold() noexcept {
  if (g_interruptible.load(std::memory_order_relaxed) != 0) {
    sigset_t sigint;
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    holds_ = pthread_sigmask(SIG_BLOCK, &sigint, &before_) == 0;
  }
}

void InterruptHold::release() noexcept {
  if (std::exchange(holds_, false)) {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
}

bool is_interruptible_thread() noexcept { return t_guards > 0; }

bool is_thread_interrupted() noexcept {
  return t_guards > 0 && g_came.load(std::memory_order_relaxed) != t_seen;
}

absl::Status answer_interrupt() {
  if (!is_thread_interrupted()) {
    return absl::OkStatus();
  }
  t_seen = g_came.load(std::memory_order_relaxed);
  g_answered.store(t_seen, std::memory_order_relaxed);
  return KeyboardInterrupt("").status();
}

void raise_if_interrupted() { raise_if_error(take_interrupt()); }

}  // namespace mp::internal
