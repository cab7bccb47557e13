#include "mp/internal/core/poll_fd.h"

#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/os/pidfd.h"

namespace mp::internal {
namespace {

// How long the producers' lock is waited for when nothing depends on it: a doorbell that stays rung is only readable for
// nothing.
constexpr int64_t kPatienceNs = 100'000'000;
// How long a process that was started is waited for until it has a pid, and between two looks.
constexpr int64_t kBeginNs = 1'000'000'000;
constexpr int64_t kBeginNapNs = 200'000;

MP_FORK_STATE constinit std::mutex g_mutex;

// Those of this process; with g_mutex. Never destroyed.
std::vector<std::shared_ptr<PollFd>>& all() {
  static auto& all = *new std::vector<std::shared_ptr<PollFd>>;
  return all;
}

[[maybe_unused]] const bool g_forks =
    handle_forks(ForkOrder::kPollFds,
                 {[] { g_mutex.lock(); }, [] { g_mutex.unlock(); }, [] { g_mutex.unlock(); }});

[[maybe_unused]] const bool g_filled_in = (g_bell_hooks.taken = PollFd::settle_all, true);

}  // namespace

struct PollFd::Companion final : Ref::Companion {
  explicit Companion(const Ref& ring) : fd(std::make_shared<PollFd>(ring)) {
    std::lock_guard hold(g_mutex);
    all().push_back(fd);
  }
  ~Companion() override {
    std::lock_guard hold(g_mutex);
    std::erase(all(), fd);
  }
  const std::shared_ptr<PollFd> fd;
};

absl::StatusOr<int> PollFd::of(const Ref& end, const Ref& ring) {
  Ref::Companion* companion = end.companion();
  if (companion == nullptr) {
    companion = end.accompany(std::make_unique<Companion>(ring));
  }
  // An end has no other kind.
  return static_cast<Companion*>(companion)->fd->get();
}

void PollFd::settle_all(Family& family, uint64_t ring) noexcept {
  if (is_readable(family, ring)) {
    return;
  }
  std::vector<std::shared_ptr<PollFd>> here;
  {
    std::lock_guard hold(g_mutex);
    for (const auto& fd : all()) {
      if (fd->ring_.offset() == ring && fd->is_ours()) {
        here.push_back(fd);
      }
    }
  }
  for (const auto& fd : here) {
    fd->settle();
  }
}

void PollFd::look_again(uint64_t ring) noexcept {
  std::lock_guard hold(g_mutex);
  for (const auto& fd : all()) {
    if (fd->ring_.offset() == ring && fd->is_ours()) {
      // Otherwise it is rung, and looks by itself.
      std::unique_lock one(fd->mutex_, std::try_to_lock);
      if (one && fd->doorbell_.valid()) {
        fd->watch();
      }
    }
  }
}

PollFd::PollFd(Ref ring)
    : ring_(std::move(ring)),
      family_(Family::get()),
      owner_(Family::self().bits),
      listener_(family_, ring_.offset()) {}

PollFd::~PollFd() {
  if (!is_ours()) {
    listener_.forget();
  }
}

bool PollFd::is_ours() const noexcept {
  return owner_.load(std::memory_order_relaxed) == g_self.load(std::memory_order_relaxed);
}

void PollFd::take_over() noexcept {
  // A thread of the parent may have had it.
  new (&mutex_) std::mutex;
  listener_.forget();
  set_.close();
  pidfd_.reset();
  doorbell_.reset();
  owner_.store(Family::self().bits, std::memory_order_relaxed);
}

absl::StatusOr<int> PollFd::get() {
  {
    std::lock_guard hold(g_mutex);
    if (!is_ours()) {
      take_over();
    }
  }
  {
    std::lock_guard hold(mutex_);
    if (!doorbell_.valid()) {
      if (absl::Status s = open(); !s.ok()) {
        shut();
        return s;
      }
    }
  }
  await_beginner();
  return set_.fd();
}

absl::Status PollFd::open() {
  DoorbellAddress address;
  int err = make_doorbell(&doorbell_, &address);
  err = err != 0 ? err : set_.open();
  err = err != 0 ? err : set_.add(doorbell_.get());
  if (err != 0) {
    return os_error(err, "mp::Connection.fileno()");
  }
  if (listener_.join(address, Deadline::never()) == Listener::Answer::kFull) {
    return os_error(EBUSY, absl::StrCat("mp::Connection.fileno(): ", PipeRing::kBells,
                                        " processes wait for this end by a descriptor already"));
  }
  watch();
  return absl::OkStatus();
}

void PollFd::shut() noexcept {
  listener_.leave();
  set_.close();
  pidfd_.reset();
  doorbell_.reset();
}

void PollFd::sweep_dead(std::unique_lock<std::mutex>& hold) noexcept {
  Owner watched{listener_.watched().load(std::memory_order_relaxed)};
  if (watched && watched != Family::self() &&
      (pidfd_.valid() ? await_end(pidfd_.get(), Deadline::past()) : family_.is_dead(watched))) {
    // It calls look_again().
    hold.unlock();
    family_.sweep(watched);
    hold.lock();
  }
}

void PollFd::settle() noexcept {
  std::unique_lock hold(mutex_);
  if (!doorbell_.valid()) {
    return;
  }
  sweep_dead(hold);
  if (listener_.silence(Deadline::after_ns(kPatienceNs),
                        [this] { silence_doorbell(doorbell_.get()); })) {
    // After it: who let go of the other end before has rung for nothing.
    watch();
  }
}

void PollFd::watch() noexcept {
  std::atomic<uint32_t>& watched = listener_.watched();
  for (;;) {
    Owner before{watched.load(std::memory_order_relaxed)};
    Owner holder = listener_.writer(before);
    if (holder == before && (!holder || holder == Family::self() || pidfd_.valid())) {
      return;
    }
    if (pidfd_.valid()) {
      set_.remove(pidfd_.get());
      pidfd_.reset();
    }
    // sync: watched (pairs with ring_blind_bells): who lets go of the end from here on finds that it is watched; who did
    // before is not found again.
    watched.store(holder.bits, std::memory_order_seq_cst);
    if (!holder || holder == Family::self()) {
      continue;
    }
    int pid = static_cast<int>(family_.slot(holder).pid.load(std::memory_order_acquire));
    if (pid == 0) {
      // It will say that it has the end; or has it by fork, and is waited for by await_beginner().
      watched.store(0, std::memory_order_seq_cst);
      return;
    }
    pidfd_ = open_pidfd(pid);
    if (pidfd_.valid() && set_.add(pidfd_.get()) != 0) {
      pidfd_.reset();
    }
    // Only if it lives is the pid its own.
    if (family_.is_dead(holder)) {
      listener_.ring_own();
      return;
    }
    if (!pidfd_.valid()) {
      return;
    }
  }
}

void PollFd::await_beginner() noexcept {
  Deadline until = Deadline::after_ns(kBeginNs);
  FutexWord nobody{0};
  for (;;) {
    {
      std::unique_lock hold(mutex_);
      if (!doorbell_.valid() || listener_.watched().load(std::memory_order_relaxed) != 0) {
        return;
      }
      Owner holder = listener_.writer({});
      if (!holder || until.passed()) {
        return;
      }
      if (family_.is_dead(holder)) {
        hold.unlock();
        family_.sweep(holder);
        continue;
      }
      watch();
      if (listener_.watched().load(std::memory_order_relaxed) != 0) {
        return;
      }
    }
    futex_wait(&nobody, 0, Deadline::after_ns(kBeginNapNs));
  }
}

}  // namespace mp::internal
