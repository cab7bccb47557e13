#include "mp/internal/os/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>

#include "mp/errors.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"

namespace mp::internal {
namespace {

// Of what follows, and of the disposition of SIGINT while there is a guard. Held by every fork: its child finds both in step.
MP_FORK_STATE constinit std::mutex g_mutex;
MP_FORK_STATE constinit bool g_installed = false;
constinit struct sigaction g_before {};  // what the handler took the place of
constinit sigset_t g_mask{};             // of the thread that forks

// SIGINTs so far; the last of them that a thread answered. Written by the handler.
std::atomic<uint32_t> g_came{0};
std::atomic<uint32_t> g_answered{0};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

thread_local int t_guards = 0;
// The last SIGINT that is none of this thread's business any more.
thread_local uint32_t t_seen = 0;
// A fork() of this thread makes a child without guards.
thread_local bool t_forks_without = false;

void note(int) { g_came.fetch_add(1, std::memory_order_relaxed); }

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == note;
}

// The mutex held. Leaves alone what somebody else has set meanwhile.
void restore() noexcept {
  struct sigaction now {};
  if (g_installed && sigaction(SIGINT, nullptr, &now) == 0 && is_ours(now)) {
    sigaction(SIGINT, &g_before, nullptr);
  }
  g_installed = false;
}

void before_fork() {
  g_mutex.lock();
  if (g_installed) {
    // Waits for the disposition that the child will have.
    sigset_t sigint;
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    pthread_sigmask(SIG_BLOCK, &sigint, &g_mask);
  }
}

void after_fork(bool installed) {
  if (installed) {
    pthread_sigmask(SIG_SETMASK, &g_mask, nullptr);
  }
  g_mutex.unlock();
}

void in_parent() { after_fork(g_installed); }

void in_child() {
  const bool installed = g_installed;
  if (g_interruptible.load(std::memory_order_relaxed) != 0) {
    // Those of other threads are gone, as the threads are.
    if (t_forks_without) {
      t_guards = 0;
    }
    if (t_guards == 0) {
      restore();
    }
    g_interruptible.store(t_guards, std::memory_order_relaxed);
  }
  t_forks_without = false;
  after_fork(installed);
}

[[maybe_unused]] const bool g_guarded =
    handle_forks(ForkOrder::kInterrupt, {before_fork, in_parent, in_child});

}  // namespace

void enter_interruptible() {
  std::lock_guard hold(g_mutex);
  if (g_interruptible.load(std::memory_order_relaxed) == 0) {
    g_answered.store(g_came.load(std::memory_order_relaxed), std::memory_order_relaxed);
    sigaction(SIGINT, nullptr, &g_before);
    if ((g_before.sa_flags & SA_SIGINFO) != 0 || g_before.sa_handler != SIG_IGN) {
      // Without SA_RESTART: a call that waits comes back.
      struct sigaction action {};
      action.sa_handler = note;
      sigemptyset(&action.sa_mask);
      g_installed = sigaction(SIGINT, &action, nullptr) == 0;
    }
  }
  if (t_guards++ == 0) {
    t_seen = g_came.load(std::memory_order_relaxed);
  }
  g_interruptible.fetch_add(1, std::memory_order_relaxed);
}

void leave_interruptible() noexcept {
  std::unique_lock hold(g_mutex);
  --t_guards;
  if (g_interruptible.fetch_sub(1, std::memory_order_relaxed) == 1 && g_installed) {
    restore();
    if (g_came.load(std::memory_order_relaxed) != g_answered.load(std::memory_order_relaxed)) {
      hold.unlock();
      kill(getpid(), SIGINT);
    }
  }
}

ForkWithoutGuards::ForkWithoutGuards() noexcept { t_forks_without = true; }
ForkWithoutGuards::~ForkWithoutGuards() { t_forks_without = false; }

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
