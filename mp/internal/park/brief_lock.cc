#include "mp/internal/park/brief_lock.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <utility>

#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/pidfd.h"

namespace mp::internal {
namespace {

constexpr int64_t kLookNs = 500'000;
// How long the owner is let run at most: twice as long each time, since on a busy machine it waits for a processor.
constexpr int64_t kFirstRunNs = 20'000'000;
constexpr int64_t kLongestRunNs = 1'000'000'000;

// One that was let go on, for as long as this lives.
class Awake {
 public:
  explicit Awake(UniqueFd process) noexcept : process_(std::move(process)) {}
  Awake(const Awake&) = delete;
  Awake& operator=(const Awake&) = delete;
  ~Awake() { signal_pidfd(process_.get(), SIGSTOP); }

 private:
  UniqueFd process_;
};

}  // namespace

Acquired acquire_brief_slow(LockWord<>& lock, Owner me, Liveness& family) noexcept {
  for (int64_t run = kFirstRunNs;;) {
    const int64_t patience = family.slice_ns();
    const int64_t start = monotonic_ns();
    Acquired a = park_acquire(lock, me, Deadline::after_ns(patience), family);
    if (a != Acquired::kNo) {
      return a;
    }
    // So late was it stopped itself, perhaps as the owner was, and whoever continues them may be about to.
    if (monotonic_ns() - start > 2 * patience) {
      continue;
    }
    // Relaxed: a guess, of whom it is about. The lock itself is taken above and below.
    auto owner = [&lock] {
      return LockWord<>::owner_of(lock.word.load(std::memory_order_relaxed));
    };
    const Owner holder = owner();
    auto holds = [&] { return owner() == holder; };
    UniqueFd stopped = family.let_go_on(holder, holds);
    if (!stopped.valid()) {
      continue;
    }
    // No longer than it holds the lock, which may go to another; in our hands it stops the holder outside.
    Awake awake(std::move(stopped));
    for (const Deadline enough = Deadline::after_ns(run); holds() && !enough.passed();) {
      a = park_acquire(lock, me, Deadline::after_ns(kLookNs), family);
      if (a != Acquired::kNo) {
        return a;
      }
    }
    run = std::min(2 * run, kLongestRunNs);
  }
}

}  // namespace mp::internal
