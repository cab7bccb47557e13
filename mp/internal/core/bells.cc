#include "mp/internal/core/bells.h"

#include "mp/internal/core/channel.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/received.h"

namespace mp::internal {
namespace {

bool ring(const Bell& bell) noexcept {
  return ring_doorbell(g_fd_mail.socket(), {bell.name.load(std::memory_order_relaxed),
                                            bell.secret.load(std::memory_order_relaxed)});
}

// Counts who listens. With put_lock.
void count_listeners(PipeRing& pipe) noexcept {
  uint32_t count = 0;
  for (const Bell& bell : pipe.bells) {
    count += bell.owner.load(std::memory_order_relaxed) != 0;
  }
  pipe.ring.listeners.store(count, std::memory_order_relaxed);
}

// Something was published. With put_lock.
void ring_silent_bells(Family& family, uint64_t at) noexcept {
  auto& pipe = *family.at<PipeRing>(at);
  for (Bell& bell : pipe.bells) {
    Owner owner{bell.owner.load(std::memory_order_acquire)};
    if (!owner || bell.rung.load(std::memory_order_relaxed) != 0) {
      continue;
    }
    if (ring(bell) || !family.is_dead(owner)) {
      bell.rung.store(1, std::memory_order_relaxed);
    } else {
      uint32_t dead = owner.bits;
      bell.owner.compare_exchange_strong(dead, 0, std::memory_order_relaxed);
    }
  }
  count_listeners(pipe);
}

[[maybe_unused]] const bool g_filled_in = (g_bell_hooks.ring = ring_silent_bells, true);

}  // namespace

bool is_readable(Family& family, uint64_t at) noexcept {
  RingStore store(family, at);
  auto& ring = *family.at<Ring<>>(at);
  return ring.has_message(store) || ring.closed.load(std::memory_order_seq_cst) != 0;
}

void ring_all_bells(Family& family, uint64_t at) noexcept {
  for (const Bell& bell : family.at<PipeRing>(at)->bells) {
    if (bell.owner.load(std::memory_order_seq_cst) != 0) {
      ring(bell);
    }
  }
}

void ring_blind_bells(Family& family, uint64_t at) noexcept {
  auto& pipe = *family.at<PipeRing>(at);
  for (const Bell& bell : pipe.bells) {
    Owner watched{bell.watched.load(std::memory_order_seq_cst)};
    if (bell.owner.load(std::memory_order_seq_cst) != 0 &&
        (!watched || family.holder_of(pipe.ring.ends[Ring<>::kWriters], watched) != watched)) {
      ring(bell);
    }
  }
}

void free_dead_bells(Family& family, uint64_t at) noexcept {
  for (Bell& bell : family.at<PipeRing>(at)->bells) {
    uint32_t owner = bell.owner.load(std::memory_order_acquire);
    if (owner != 0 && family.is_dead(Owner{owner})) {
      bell.owner.compare_exchange_strong(owner, 0, std::memory_order_relaxed);
    }
  }
}

Listener::Answer Listener::join(const DoorbellAddress& address, Deadline deadline) noexcept {
  if (!lock(deadline)) {
    return Answer::kBusy;
  }
  Bell* free = nullptr;
  for (bool dead_too : {false, true}) {
    for (Bell& bell : pipe().bells) {
      Owner owner{bell.owner.load(std::memory_order_acquire)};
      if (!owner || (dead_too && family_->is_dead(owner))) {
        free = &bell;
        break;
      }
    }
    if (free != nullptr) {
      break;
    }
  }
  if (free == nullptr) {
    unlock();
    return Answer::kFull;
  }
  place_ = static_cast<int>(free - pipe().bells);
  free->rung.store(0, std::memory_order_relaxed);
  free->watched.store(0, std::memory_order_relaxed);
  free->name.store(address.name, std::memory_order_relaxed);
  free->secret.store(address.secret, std::memory_order_relaxed);
  // Counted first: a count that is too high is mended by the next producer.
  pipe().ring.listeners.fetch_add(1, std::memory_order_relaxed);
  // Relaxed would do for producers. Who closes an end has no lock: it sees this, or we see that it is closed.
  free->owner.store(Family::self().bits, std::memory_order_seq_cst);
  count_listeners(pipe());
  if (is_readable(*family_, ring_)) {
    ring_own();
    free->rung.store(1, std::memory_order_relaxed);
  }
  unlock();
  return Answer::kYes;
}

void Listener::leave() noexcept {
  if (place_ >= 0) {
    // Without the lock, which somebody may have who is stopped: the next producer counts again.
    bell().owner.store(0, std::memory_order_release);
    place_ = -1;
  }
}

Owner Listener::writer(Owner hint) const noexcept {
  return family_->holder_of(pipe().ring.ends[Ring<>::kWriters], hint);
}

void Listener::ring_own() const noexcept { ring(bell()); }

bool Listener::lock(Deadline deadline) noexcept {
  Channel<> channel(*family_, ring_);
  return acquire_producers(channel, deadline);
}

void Listener::unlock() noexcept { park_release(pipe().ring.put_lock); }

bool Listener::ring_if_closed() noexcept {
  bool closed = pipe().ring.closed.load(std::memory_order_seq_cst) != 0;
  if (closed) {
    ring_own();
  }
  return closed;
}

}  // namespace mp::internal
