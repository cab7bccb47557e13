// mp/internal/core/lock_object.h
//
// LockObject: what Lock and RLock are in shared memory, 64 bytes, and their operations.
//
// Field   written by                 rule
// lock    see LockWord
// holder  the one who holds `lock`   owner << 32 | thread: who took it last; for an RLock 0 before
//                                    it is given back
// depth   the one who holds `lock`   RLock: how often
//
// Death   `holder` and `depth` of a dead owner are overwritten by the next: they mean nothing
//         unless `lock` names the same owner.

#ifndef MP_INTERNAL_CORE_LOCK_OBJECT_H_
#define MP_INTERNAL_CORE_LOCK_OBJECT_H_

#include <cstdint>

#include "mp/internal/core/thread_id.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {

template <class A = RealAtomics>
struct LockObject {
  Block block;
  LockWord<A> lock;
  typename A::template Atomic<uint64_t> holder;
  typename A::template Atomic<uint32_t> depth;
  uint32_t unused;

  static uint64_t me_and_thread(Owner me) noexcept { return uint64_t{me.bits} << 32 | thread_id(); }

  bool held_by(Owner me) const noexcept {
    return LockWord<A>::owner_of(lock.word.load(std::memory_order_relaxed)) == me;
  }
  // This thread holds it.
  bool mine(Owner me) const noexcept {
    return held_by(me) && holder.load(std::memory_order_relaxed) == me_and_thread(me);
  }
  bool locked() const noexcept {
    return static_cast<bool>(LockWord<A>::owner_of(lock.word.load(std::memory_order_relaxed)));
  }
  // The same for an RLock, whose `holder` is 0 unless it is held: a dead owner's is not ours.
  bool mine_recursive(Owner me) const noexcept {
    return holder.load(std::memory_order_relaxed) == me_and_thread(me);
  }
  bool owner_died(Owner me) const noexcept {
    return lock.word.load(std::memory_order_relaxed) == (me.bits | LockWord<A>::kDirty);
  }

  bool acquire(Deadline deadline) {
    Owner me = self();
    if (park_acquire(lock, me, deadline, *Family::current()) == Acquired::kNo) {
      return false;
    }
    holder.store(me_and_thread(me), std::memory_order_relaxed);
    return true;
  }

  // How the owner gives it back: kPassOn leaves the news that the owner before died to the next.
  enum class News : bool { kSettled, kPassOn };
  uint32_t free_word(Owner me, News news) const noexcept {
    return news == News::kPassOn && owner_died(me) ? LockWord<A>::kDirty : 0;
  }

  // False when nobody held it.
  bool release(News news = News::kSettled) noexcept {
    uint32_t free = news == News::kSettled ? 0 : free_word(self(), news);
    return static_cast<bool>(LockWord<A>::owner_of(park_release(lock, free)));
  }

  bool acquire_recursive(Deadline deadline) {
    Owner me = self();
    if (lock.try_acquire(me) == LockWord<A>::Take::kNo) [[unlikely]] {
      if (mine_recursive(me)) {
        depth.store(depth.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return true;
      }
      if (park_acquire(lock, me, deadline, *Family::current()) == Acquired::kNo) {
        return false;
      }
    }
    holder.store(me_and_thread(me), std::memory_order_relaxed);
    depth.store(1, std::memory_order_relaxed);
    return true;
  }

  // False when this thread does not hold it.
  bool release_recursive(News news = News::kSettled) noexcept {
    Owner me = self();
    if (!mine_recursive(me)) [[unlikely]] {
      return false;
    }
    uint32_t left = depth.load(std::memory_order_relaxed) - 1;
    depth.store(left, std::memory_order_relaxed);
    if (left == 0) {
      // Before the word: once it is free, another thread of this process may be in.
      holder.store(0, std::memory_order_relaxed);
      park_release(lock, free_word(me, news));
    }
    return true;
  }

  // All levels at once, for a condition: returns the depth to give to restore().
  uint32_t release_all(bool recursive) noexcept {
    uint32_t levels = depth.load(std::memory_order_relaxed);
    if (recursive) {
      depth.store(0, std::memory_order_relaxed);
      holder.store(0, std::memory_order_relaxed);
    }
    park_release(lock);
    return levels;
  }
  void restore(uint32_t levels) {
    acquire(Deadline::never());
    depth.store(levels, std::memory_order_relaxed);
  }
};

static_assert(sizeof(LockObject<>) <= 64);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_LOCK_OBJECT_H_
