#include "mp/internal/proc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "mp/internal/os/futex.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/os/process_bug.h"
#include "mp/internal/proc/status.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/atomics.h"

namespace mp::internal {
namespace {

constexpr int kLost = 255 << 8;

// How long to spin for the server's word, in pauses: some ten microseconds.
constexpr int kSpins = 400;

// How often to look for the word of a child that is not long in coming.
constexpr int64_t kLookNs = 200'000;

}  // namespace

UniqueFd ended_sentinel() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return UniqueFd();
  }
  close(ends[1]);
  return UniqueFd(ends[0]);
}

void tell_begun() noexcept {
  Owner me = Family::self();
  // sync: status (pairs with await_begun()).
  Family::get().slot(me).status.store(StatusWord::begun(me), std::memory_order_release);
}

Child::Child(Owner owner, int pid, UniqueFd pidfd, Owner server)
    : owner_(owner),
      server_(server),
      pid_(pid),
      process_(getpid()),
      pidfd_(pidfd.valid() ? std::move(pidfd) : ended_sentinel()),
      number_(pidfd_.get()) {}

Child::Sentinel::Sentinel(Child& child) noexcept : child_(child) {
  std::lock_guard hold(child_.mutex_);
  fd_ = child_.closing_ ? -1 : child_.pidfd_.get();
  ++child_.users_;
}

Child::Sentinel::~Sentinel() {
  std::lock_guard hold(child_.mutex_);
  if (--child_.users_ == 0 && child_.closing_) {
    child_.pidfd_.reset();
  }
}

void Child::record(int status) {
  status_ = status;
  ended_.store(true, std::memory_order_release);
  Family& family = Family::get();
  family.sweep(owner_);
  family.done_with(owner_);
}

int Child::best_guess() noexcept {
  int status;
  if (recorded_status(pidfd_.get(), &status)) {
    return status;
  }
  uint32_t word = Family::get().slot(owner_).status.load(std::memory_order_acquire);
  return StatusWord::is(word, owner_, StatusWord::kOwnWord) ? StatusWord::status_of(word) : kLost;
}

// The process has ended, and we are the one to reap it.
bool Child::collect() {
  std::lock_guard hold(mutex_);
  if (!ended_.load(std::memory_order_relaxed)) {
    int status;
    switch (reap(pidfd_.get(), false, &status)) {
      case Reaped::kRunning:
        return false;
      case Reaped::kForeign:
        status = best_guess();
        break;
      case Reaped::kYes:
        break;
    }
    record(status);
  }
  return true;
}

// The process has ended. It said itself how, or its server is about to say it, or that has died.
void Child::collect_from_server() {
  Family& family = Family::get();
  std::atomic<uint32_t>& word = family.slot(owner_).status;
  // The server was woken by the same death as we were.
  for (int i = 0; i < kSpins &&
                  !StatusWord::is(word.load(std::memory_order_relaxed), owner_, StatusWord::kAny);
       ++i) {
    RealAtomics::pause();
  }
  for (;;) {
    // Looked at before the word: what a dead server wrote, we see.
    bool orphaned = family.is_dead(server_);
    uint32_t seen;
    {
      std::lock_guard hold(mutex_);
      if (ended_.load(std::memory_order_relaxed)) {
        return;
      }
      // sync: status (pairs with the server's report).
      seen = word.load(std::memory_order_acquire);
      if (StatusWord::is(seen, owner_, StatusWord::kAny)) {
        record(StatusWord::status_of(seen));
        return;
      }
      if (orphaned) {
        record(best_guess());
        return;
      }
    }
    FutexPair pairs[2] = {{&word, seen}, {}};
    pairs[1].word = family.arm_life_word(server_, &pairs[1].expected);
    futex_wait_any(pairs, pairs[1].word != nullptr ? 2 : 1, Deadline::after_ns(family.slice_ns()));
    if (pairs[1].word != nullptr &&
        pairs[1].word->load(std::memory_order_relaxed) != pairs[1].expected) {
      family.relay_death(server_);
    }
  }
}

bool Child::wait(Deadline deadline) {
  if (ended_.load(std::memory_order_acquire)) {
    return true;
  }
  Sentinel sentinel(*this);
  for (;;) {
    if (!await_end(sentinel.get(), deadline)) {
      return false;
    }
    if (server_) {
      collect_from_server();
      return true;
    }
    if (collect()) {
      return true;
    }
    if (deadline.passed()) {
      return false;
    }
    // Ended, but a tracer has not let go of it yet.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

bool Child::ended() { return wait(Deadline::past()); }

std::optional<int> Child::exit_code() {
  if (!ended()) {
    return std::nullopt;
  }
  return exit_code_of(status_);
}

void Child::await_begun(Deadline deadline) noexcept {
  if (ended_.load(std::memory_order_acquire)) {
    return;
  }
  const std::atomic<uint32_t>& word = Family::get().slot(owner_).status;
  Sentinel sentinel(*this);
  // sync: status (pairs with tell_begun()).
  while (word.load(std::memory_order_acquire) == 0 && !deadline.passed() &&
         !await_end(sentinel.get(), Deadline::after_ns(kLookNs))) {
  }
}

void Child::close() noexcept {
  if (process_ != getpid()) {
    if (!closing_.exchange(true)) {
      pidfd_.reset();
    }
    return;
  }
  std::lock_guard hold(mutex_);
  closing_ = true;
  if (users_ == 0 || planted(ProcessBug::kShutInUse)) {
    pidfd_.reset();
  }
}

int Child::signal(int number) noexcept {
  if (ended_.load(std::memory_order_acquire)) {
    return 0;
  }
  Sentinel sentinel(*this);
  if (sentinel.get() < 0) {
    return 0;
  }
  int err = signal_pidfd(sentinel.get(), number);
  return err == ESRCH ? 0 : err;
}

}  // namespace mp::internal
