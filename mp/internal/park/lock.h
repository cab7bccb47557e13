// mp/internal/park/lock.h
//
// Where a LockWord meets the futex: spin, register, look again, sleep in slices, repair after a
// dead owner.

#ifndef MP_INTERNAL_PARK_LOCK_H_
#define MP_INTERNAL_PARK_LOCK_H_

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/event.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/parking.h"
#include "mp/internal/sync/lock_word.h"

namespace mp::internal {

enum class Acquired {
  kNo,  // the deadline passed
  kClean,
  kOwnerDied,  // held now, and the last owner died holding it
  kRefused,    // not held: the last owner died holding it, and the caller does not want it so
};

// How long a spin lasts before the first sleep: pauses, not time. Bounded so that a waiter on a
// busy machine gives its processor away; about two microseconds where this was measured.
inline constexpr int kSpins = 40;

template <class A>
Acquired to_acquired(typename LockWord<A>::Take take) noexcept {
  return take == LockWord<A>::Take::kClean   ? Acquired::kClean
         : take == LockWord<A>::Take::kDirty ? Acquired::kOwnerDied
                                             : Acquired::kNo;
}

// Frees a dead owner's word and wakes all who sleep on it: first change the word, then wake.
template <class A>
void repair_and_wake(LockWord<A>& lock, uint32_t seen) noexcept {
  if constexpr (A::kBug == Bug::kWakeBeforeChange) {
    notify(lock.sleepers, kWakeAll);
    lock.repair(seen);
    return;
  }
  if (lock.repair(seen)) {
    A::step("lock.repair.before_wake");
    if constexpr (A::kBug == Bug::kCountDownForDead) {
      lock.sleepers.served.fetch_add(1, std::memory_order_seq_cst);
    }
    notify(lock.sleepers, kWakeAll);
  }
}

// A dying process loses its life word some microseconds before its certificate, more if it has much
// memory to give back: who was woken by the one comes back for the other, first after this time,
// then after twice as long.
inline constexpr int64_t kFirstNapNs = 30'000;

// Sleeps once until `lock.sleepers.seq` moves from `seq` or the owner in `seen` dies, no longer
// than a slice and until `deadline`. False when `deadline` passed. `nap`: the last nap of this
// waiter, 0 at first.
template <class A>
bool sleep_on_owned(LockWord<A>& lock, uint32_t seq, uint32_t seen, Deadline deadline,
                    Liveness& family, int64_t* nap = nullptr) noexcept {
  Owner owner = LockWord<A>::owner_of(seen);
  FutexPair life = {nullptr, 0};
  life.word = family.arm_life_word(owner, &life.expected);
  // After arming: a death before it is seen here, one after it wakes us.
  if (family.is_dead(owner)) {
    family.relay_death(owner);
    repair_and_wake(lock, seen);
    return true;
  }
  int64_t longest = family.slice_ns();
  bool napping = life.word == nullptr && family.is_dying(owner);
  if (napping) {
    int64_t length = nap != nullptr && *nap != 0 ? 2 * *nap : kFirstNapNs;
    longest = std::min(longest, length);
    if (nap != nullptr) {
      *nap = longest;
    }
  }
  Deadline slice = Deadline::of_slice(longest);
  A::step("lock.before_sleep");
  FutexResult r = Parking<A>::wait_or_death(lock.sleepers.seq, seq, life, earlier(slice, deadline));
  if (life.word != nullptr && family.is_dying(owner)) {
    // The kernel wakes one sleeper only.
    family.relay_death(owner);
  }
  if (r != FutexResult::kTimeout) {
    return true;
  }
  if (lock.word.load(std::memory_order_relaxed) != seen) {
    if (!napping) {
      family.count_rescue();
    }
  } else if (family.is_dead(owner)) {
    repair_and_wake(lock, seen);
  }
  return !deadline.passed();
}

template <class A>
Acquired lock_slow(LockWord<A>& lock, Owner me, Deadline deadline, Liveness& family,
                   bool dirty_too) noexcept {
  using Take = typename LockWord<A>::Take;
  auto attempt = [&] {
    Take take = lock.try_acquire(me, dirty_too);
    if (take == Take::kNo && !dirty_too &&
        lock.word.load(std::memory_order_relaxed) == LockWord<A>::kDirty) {
      return Acquired::kRefused;
    }
    return to_acquired<A>(take);
  };
  auto free = [&] { return !LockWord<A>::owner_of(lock.word.load(std::memory_order_seq_cst)); };
  if (deadline.is_past_by_construction()) {
    // A poll still takes a dead owner's lock: it must not report as held what nobody holds.
    uint32_t seen = lock.word.load(std::memory_order_relaxed);
    Owner owner = LockWord<A>::owner_of(seen);
    if (owner && owner != me && family.is_dead(owner)) {
      repair_and_wake(lock, seen);
    }
    return attempt();
  }
  for (int i = 0; i < std::min(kSpins, A::kMaxSpins); ++i) {
    if (free()) {
      if (Acquired a = attempt(); a != Acquired::kNo) {
        return a;
      }
    }
    A::pause();
  }
  int64_t nap = 0;
  [[maybe_unused]] typename A::LoopHead head;
  for (;;) {
    head.again();
    // sync: event-count: registered before the word is looked at.
    uint32_t seq = lock.sleepers.ask();
    uint32_t seen = lock.word.load(std::memory_order_seq_cst);
    bool in_time =
        !LockWord<A>::owner_of(seen) || sleep_on_owned(lock, seq, seen, deadline, family, &nap);
    if (Acquired a = attempt(); a != Acquired::kNo) {
      return a;
    }
    if (!in_time) {
      // A wake meant for somebody may have been spent on us: pass it on.
      if (free()) {
        notify(lock.sleepers, 1);
      }
      return Acquired::kNo;
    }
  }
}

// `dirty_too`: takes it also when the last owner died holding it.
template <class A>
inline Acquired park_acquire(LockWord<A>& lock, Owner me, Deadline deadline, Liveness& family,
                             bool dirty_too = true) noexcept {
  using Take = typename LockWord<A>::Take;
  Take take = lock.try_acquire(me, dirty_too);
  if (take == Take::kClean) [[likely]] {
    return Acquired::kClean;
  }
  return take == Take::kDirty ? Acquired::kOwnerDied
                              : lock_slow(lock, me, deadline, family, dirty_too);
}

// Takes and returns the word before the release, so that who releases keeps nothing over this call.
template <class A>
[[gnu::noinline]] uint32_t wake_after_release(LockWord<A>& lock, uint32_t old) noexcept {
  notify(lock.sleepers, 1);
  return old;
}

// By its owner. Leaves the word `free`, see LockWord::release(). Returns it as it was.
template <class A>
inline uint32_t park_release(LockWord<A>& lock, uint32_t free = 0) noexcept {
  if constexpr (A::kBug == Bug::kWakeBeforeChange) {
    notify(lock.sleepers, 1);
    return lock.release(free).old;
  }
  typename LockWord<A>::Release r = lock.release(free);
  return r.wake ? wake_after_release(lock, r.old) : r.old;
}

// By anybody. False when nobody held it.
template <class A>
inline bool park_release_if_held(LockWord<A>& lock, uint32_t free = 0) noexcept {
  if constexpr (A::kBug == Bug::kWakeBeforeChange) {
    notify(lock.sleepers, 1);
    return static_cast<bool>(LockWord<A>::owner_of(lock.release_if_held(free).old));
  }
  typename LockWord<A>::Release r = lock.release_if_held(free);
  uint32_t old = r.wake ? wake_after_release(lock, r.old) : r.old;
  return static_cast<bool>(LockWord<A>::owner_of(old));
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_LOCK_H_
