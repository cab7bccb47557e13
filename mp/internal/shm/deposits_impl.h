// mp/internal/shm/deposits_impl.h
//
// The bodies of Deposits, for deposits.cc and for tests that bring an atomics policy of their own.

#ifndef MP_INTERNAL_SHM_DEPOSITS_IMPL_H_
#define MP_INTERNAL_SHM_DEPOSITS_IMPL_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "mp/internal/shm/deposits.h"

namespace mp::internal {

template <class A, class Memory>
template <class See>
void DepositsOf<A, Memory>::each(const See& see) const noexcept {
  uint32_t top = memory_.header().deposits_top.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < top; ++i) {
    Deposit& d = memory_.deposit(i);
    // sync: deposit.
    if (d.token.load(std::memory_order_acquire) != 0) {
      see(d);
    }
  }
}

template <class A, class Memory>
DepositOf<A>* DepositsOf<A, Memory>::find(uint64_t token) const noexcept {
  Deposit* found = nullptr;
  each([&](Deposit& d) {
    if (d.token.load(std::memory_order_relaxed) == token) {
      found = &d;
    }
  });
  return found;
}

template <class A, class Memory>
bool DepositsOf<A, Memory>::committed(const Deposit& d) const noexcept {
  using Word = typename A::template Atomic<uint64_t>;
  uint64_t received = d.received.load(std::memory_order_relaxed);
  if (received == 0 || received == kDepositLeased) {
    return received == 0;
  }
  uint64_t count = memory_.template at<Word>(received)->load(std::memory_order_seq_cst) >> 1;
  return count > d.seq.load(std::memory_order_relaxed);
}

template <class A, class Memory>
void DepositsOf<A, Memory>::make_orphan(Deposit& d) noexcept {
  // First: an orphan is one whatever the rest says. Only then is its channel, which may go, looked at no more.
  d.orphan.store(1, std::memory_order_release);
  d.channel.store(0, std::memory_order_release);
  memory_.header().orphans.store(1, std::memory_order_release);
}

template <class A, class Memory>
bool DepositsOf<A, Memory>::note(uint64_t token, uint64_t channel, uint64_t seq,
                                 uint64_t received) noexcept {
  for (uint32_t i = 0; i < kDeposits; ++i) {
    Deposit& d = memory_.deposit(i);
    if (d.token.load(std::memory_order_relaxed) == 0) {
      auto& h = memory_.header();
      h.deposits.fetch_add(1, std::memory_order_relaxed);
      h.deposits_top.store(std::max(i + 1, h.deposits_top.load(std::memory_order_relaxed)),
                           std::memory_order_release);
      d.channel.store(channel, std::memory_order_relaxed);
      d.seq.store(seq, std::memory_order_relaxed);
      d.received.store(received, std::memory_order_relaxed);
      d.taker.store(0, std::memory_order_relaxed);
      d.orphan.store(0, std::memory_order_relaxed);
      // sync: deposit (pairs with each): stored last, so that claim(), without family_lock, sees no half an entry.
      d.token.store(token, std::memory_order_release);
      return true;
    }
  }
  return false;
}

template <class A, class Memory>
void DepositsOf<A, Memory>::claim(uint64_t token, Owner taker) noexcept {
  if (Deposit* d = find(token)) {
    // sync: deposit-taker (pairs with orphan_of_dead_takers): before the store that commits the receive, so that who sees
    // that one sees this one.
    d->taker.store(taker.bits, std::memory_order_seq_cst);
  }
}

template <class A, class Memory>
void DepositsOf<A, Memory>::end(uint64_t token) noexcept {
  if (Deposit* d = find(token)) {
    d->token.store(0, std::memory_order_release);
    memory_.header().deposits.fetch_sub(1, std::memory_order_relaxed);
  }
}

template <class A, class Memory>
void DepositsOf<A, Memory>::abandon(uint64_t token) noexcept {
  if (Deposit* d = find(token)) {
    make_orphan(*d);
  }
}

template <class A, class Memory>
void DepositsOf<A, Memory>::forget(uint64_t channel, uint64_t from) noexcept {
  each([&](Deposit& d) {
    if (d.channel.load(std::memory_order_relaxed) == channel &&
        d.seq.load(std::memory_order_relaxed) >= from) {
      make_orphan(d);
    }
  });
}

template <class A, class Memory>
void DepositsOf<A, Memory>::lease(uint64_t channel, uint64_t seq) noexcept {
  each([&](Deposit& d) {
    if (d.channel.load(std::memory_order_relaxed) == channel &&
        d.seq.load(std::memory_order_relaxed) == seq && !committed(d)) {
      d.received.store(kDepositLeased, std::memory_order_relaxed);
    }
  });
}

template <class A, class Memory>
void DepositsOf<A, Memory>::unlease(uint64_t channel, uint64_t from, uint64_t received) noexcept {
  each([&](Deposit& d) {
    if (d.channel.load(std::memory_order_relaxed) == channel &&
        d.seq.load(std::memory_order_relaxed) >= from) {
      d.received.store(received, std::memory_order_relaxed);
    }
  });
}

template <class A, class Memory>
void DepositsOf<A, Memory>::end_message(uint64_t channel, uint64_t seq) noexcept {
  each([&](Deposit& d) {
    if (d.channel.load(std::memory_order_relaxed) == channel &&
        d.seq.load(std::memory_order_relaxed) == seq &&
        d.received.load(std::memory_order_relaxed) == kDepositLeased) {
      make_orphan(d);
    }
  });
}

template <class A, class Memory>
void DepositsOf<A, Memory>::channel_ends(uint64_t channel) noexcept {
  each([&](Deposit& d) {
    if (d.channel.load(std::memory_order_relaxed) != channel) {
      return;
    }
    if (committed(d)) {
      // Its count of received messages goes with the channel.
      d.received.store(0, std::memory_order_relaxed);
      d.channel.store(0, std::memory_order_release);
    } else {
      make_orphan(d);
    }
  });
}

template <class A, class Memory>
void DepositsOf<A, Memory>::orphan_of_dead_takers(absl::FunctionRef<bool(Owner)> is_dead) noexcept {
  uint32_t count = 0;
  each([&](Deposit& d) {
    ++count;
    bool orphan = d.orphan.load(std::memory_order_relaxed) != 0;
    // sync: deposit-taker: committed() looks first. An orphan whose thrower died after it took the hint: give the hint again.
    if constexpr (A::kBug == Bug::kTakerBeforeCommit) {
      if (orphan || (is_dead(Owner{d.taker.load()}) && committed(d))) {
        make_orphan(d);
      }
      return;
    }
    if (orphan || (committed(d) && is_dead(Owner{d.taker.load(std::memory_order_seq_cst)}))) {
      make_orphan(d);
    }
  });
  // Deaths leave it too high.
  memory_.header().deposits.store(count, std::memory_order_relaxed);
}

template <class A, class Memory>
void DepositsOf<A, Memory>::each_channel_of_dead_senders(
    absl::FunctionRef<bool(Owner)> is_dead, absl::FunctionRef<void(uint64_t)> see) const noexcept {
  each([&](const Deposit& d) {
    Owner sender{static_cast<uint32_t>(d.token.load(std::memory_order_relaxed) >> 32)};
    uint64_t channel = d.channel.load(std::memory_order_relaxed);
    if (channel != 0 && !committed(d) && is_dead(sender)) {
      see(channel);
    }
  });
}

template <class A, class Memory>
uint64_t DepositsOf<A, Memory>::some_orphan() noexcept {
  memory_.header().orphans.store(0, std::memory_order_relaxed);
  uint64_t token = 0;
  each([&](const Deposit& d) {
    if (d.orphan.load(std::memory_order_acquire) != 0) {
      token = d.token.load(std::memory_order_relaxed);
    }
  });
  if (token != 0) {
    memory_.header().orphans.store(1, std::memory_order_relaxed);
  }
  return token;
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_DEPOSITS_IMPL_H_
