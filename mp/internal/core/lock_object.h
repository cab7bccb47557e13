// mp/internal/core/lock_object.h
//
// LockObject: what Lock and RLock are in shared memory, 64 bytes, and their operations.
//
// Field   written by                 rule
// lock    see LockWord
// holder  the one who holds `lock`   owner << 32 | thread: who took it last; for an RLock 0 before
//                                    it is given back
// depth   the one who holds `lock`   RLock: how often; as it was when it is free
// death   creation                   an OnOwnerDeath
//
// Death   `holder` and `depth` of a dead owner are overwritten by the next: they mean nothing
//         unless `lock` names the same owner.

#ifndef MP_INTERNAL_CORE_LOCK_OBJECT_H_
#define MP_INTERNAL_CORE_LOCK_OBJECT_H_

#include <cstdint>
#include <exception>
#include <string>

#include "mp/errors.h"
#include "mp/internal/core/thread_id.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"
#include "mp/logging.h"
#include "mp/owner_death.h"
#include "mp/timeout.h"

namespace mp::internal {

// For kNever: whoever holds a lock lives.
class Immortals final : public Liveness {
 public:
  explicit Immortals(Family& family) noexcept : family_(family) {}
  bool is_dead(Owner) noexcept override { return false; }
  const FutexWord* arm_life_word(Owner, uint32_t*) noexcept override { return nullptr; }
  void relay_death(Owner) noexcept override {}
  int64_t slice_ns() const noexcept override { return family_.slice_ns(); }
  void count_rescue() noexcept override { family_.count_rescue(); }

 private:
  Family& family_;
};

[[noreturn, gnu::noinline]] inline void raise_owner_died(Kind kind) {
  const char* name = kind == Kind::kLock ? "Lock" : "RLock";
  raise(OwnerDied(std::string("mp: ") + name +
                  ": a process died holding it; repair what it guards and call recover()")
            .status());
}

[[gnu::noinline, gnu::cold]] inline void log_owner_died(Kind kind) noexcept {
  try {
    get_logger().sub_warning(kind == Kind::kLock
                                 ? "mp: Lock: a process died holding it; it is taken over"
                                 : "mp: RLock: a process died holding it; it is taken over");
  } catch (const std::exception&) {
    // Without memory for its text the news is owner_died() alone.
  }
}

template <class A = RealAtomics>
struct LockObject {
  Block block;
  LockWord<A> lock;
  typename A::template Atomic<uint64_t> holder;
  typename A::template Atomic<uint32_t> depth;
  uint32_t death;

  static uint64_t me_and_thread(Owner me) noexcept { return uint64_t{me.bits} << 32 | thread_id(); }
  // The same of the caller, as far as it is known without a call; 0: it holds no lock.
  static uint64_t known_caller() noexcept {
    uint64_t me = g_self.load(std::memory_order_relaxed);
    uint64_t thread = t_thread_id;
    return me != 0 && thread != 0 ? me << 32 | thread : 0;
  }

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
  bool mine_recursive() const noexcept {
    uint64_t caller = known_caller();
    return caller != 0 && holder.load(std::memory_order_relaxed) == caller;
  }
  bool owner_died(Owner me) const noexcept {
    return lock.word.load(std::memory_order_relaxed) == (me.bits | LockWord<A>::kDirty);
  }

  // The short ways call nothing: what the long ones need would cost them a frame.

  // False when `timeout` ran out first. Throws mp::OwnerDied under kRefuse.
  bool acquire(Timeout timeout) {
    uint64_t caller = known_caller();
    if (caller != 0 && takes_free(caller)) [[likely]] {
      holder.store(caller, std::memory_order_relaxed);
      return true;
    }
    return acquire_slow(timeout);
  }

  // How the owner gives it back: kPassOn leaves the news that the owner before died to the next.
  enum class News : bool { kSettled, kPassOn };
  uint32_t free_word(News news) const noexcept {
    return news == News::kPassOn && owner_died(self()) ? LockWord<A>::kDirty : 0;
  }

  // False when nobody held it.
  bool release(News news = News::kSettled) noexcept {
    if (dirty_too()) [[likely]] {
      uint32_t old = park_release(lock, free_word(news));
      return static_cast<bool>(LockWord<A>::owner_of(old)) || nobody_held(old);
    }
    // It must not be free without its mark for a moment: somebody would be let in.
    return park_release_if_held(lock, free_word(news));
  }

  bool acquire_recursive(Timeout timeout) {
    uint64_t caller = known_caller();
    if (caller != 0 && takes_free(caller)) [[likely]] {
      holder.store(caller, std::memory_order_relaxed);
      depth.store(1, std::memory_order_relaxed);
      return true;
    }
    return acquire_recursive_slow(timeout);
  }

  // False when this thread does not hold it.
  bool release_recursive(News news = News::kSettled) noexcept {
    if (!mine_recursive()) [[unlikely]] {
      return false;
    }
    uint32_t levels = depth.load(std::memory_order_relaxed);
    if (levels != 1) [[unlikely]] {
      depth.store(levels - 1, std::memory_order_relaxed);
      return true;
    }
    // Before the word: once it is free, another thread of this process may be in.
    holder.store(0, std::memory_order_relaxed);
    park_release(lock, free_word(news));
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
  // False: the lock refuses, and is not held.
  bool restore(uint32_t levels) noexcept {
    if (take(self(), Deadline::never()) == Acquired::kRefused) {
      return false;
    }
    depth.store(levels, std::memory_order_relaxed);
    return true;
  }

 private:
  // Takes it for the caller's process if it is free and its last owner did not die. Of `caller`, not
  // of the owner alone: putting `holder` together after the compare-and-swap costs a tenth more.
  bool takes_free(uint64_t caller) noexcept {
    Owner me{static_cast<uint32_t>(caller >> 32)};
    return lock.try_acquire(me, false) == LockWord<A>::Take::kClean;
  }

  // False, as the release was.
  [[gnu::noinline]] bool nobody_held(uint32_t old) noexcept {
    if (old == LockWord<A>::kDirty) {
      lock.remember();
    }
    return false;
  }

  [[gnu::noinline]] bool acquire_slow(Timeout timeout) {
    Acquired a = take(self(), Deadline::after(timeout));
    if (a == Acquired::kRefused) [[unlikely]] {
      raise_owner_died(block.kind);
    }
    if (a == Acquired::kNo) {
      raise_if_interrupted();
    }
    return a != Acquired::kNo;
  }
  [[gnu::noinline]] bool acquire_recursive_slow(Timeout timeout) {
    if (mine_recursive()) {
      depth.store(depth.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return true;
    }
    if (!acquire_slow(timeout)) {
      return false;
    }
    depth.store(1, std::memory_order_relaxed);
    return true;
  }

  bool dirty_too() const noexcept { return death != static_cast<uint32_t>(kRefuse); }

  Acquired take(Owner me, Deadline deadline) noexcept {
    Acquired a;
    if (death == static_cast<uint32_t>(kNever)) [[unlikely]] {
      Immortals everybody(*Family::current());
      a = park_acquire(lock, me, deadline, everybody);
    } else {
      a = park_acquire(lock, me, deadline, *Family::current(), dirty_too());
    }
    if (a == Acquired::kClean || a == Acquired::kOwnerDied) [[likely]] {
      holder.store(me_and_thread(me), std::memory_order_relaxed);
      if (a == Acquired::kOwnerDied) [[unlikely]] {
        log_owner_died(block.kind);
      }
    }
    return a;
  }
};

static_assert(sizeof(LockObject<>) <= 64);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_LOCK_OBJECT_H_
