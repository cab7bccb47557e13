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

constexpr int64_t kPatienceNs = 5'000'000;
// To begin with; on a busy machine it may be long until the owner gets a processor.
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
  for (int64_t run = kPatienceNs;;) {
    Acquired a = park_acquire(lock, me, Deadline::after_ns(kPatienceNs), family);
    if (a != Acquired::kNo) {
      return a;
    }
    UniqueFd stopped =
        family.let_go_on(LockWord<>::owner_of(lock.word.load(std::memory_order_relaxed)));
    if (!stopped.valid()) {
      continue;
    }
    // With the lock in our hands the other is stopped outside of it.
    Awake owner(std::move(stopped));
    a = park_acquire(lock, me, Deadline::after_ns(run), family);
    if (a != Acquired::kNo) {
      return a;
    }
    run = std::min(2 * run, kLongestRunNs);
  }
}

}  // namespace mp::internal
