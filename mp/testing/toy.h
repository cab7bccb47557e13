// mp/testing/toy.h
//
// A toy lock and a toy queue in shared memory, right and with planted bugs: what the killer is tried on before it is
// believed about the real ones. They sleep without any time limit, so nothing ever rescues a lost wake-up.

#ifndef MP_TESTING_TOY_H_
#define MP_TESTING_TOY_H_

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mp::testing {

enum class ToyBug {
  kNone,
  kClearWaitersOnUnlock,
  kWakeBeforeChange,
  kCountDownForDead,
  kIgnoreDeadOwner,
  kPublishBeforeCopy,
  kCommitBeforeCopyOut,
  kRecoveryNotIdempotent,
  kDropBeforeUseEnds,
};

inline void toy_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT, expected, nullptr, nullptr, 0);
}
inline void toy_wake(std::atomic<uint32_t>& word, int count) {
  syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

using ToyMessage = std::array<uint64_t, 8>;

inline ToyMessage toy_message(uint64_t of) {
  ToyMessage m;
  for (size_t i = 0; i < m.size(); ++i) {
    m[i] = of + 3 * i;
  }
  return m;
}

// Word by word: a memcpy may be one instruction, in whose middle nobody can be overtaken.
inline void toy_copy(ToyMessage* to, const ToyMessage* from) {
  volatile uint64_t* out = to->data();
  const volatile uint64_t* in = from->data();
  for (size_t i = 0; i < std::tuple_size_v<ToyMessage>; ++i) {
    out[i] = in[i];
  }
}

// Owners are 1, 2, 3 ...; whoever reaps one sets dead[owner].
template <ToyBug kBug>
struct Toy {
  static constexpr uint32_t kDirty = 1u << 31;
  static constexpr uint32_t kCells = 4;

  // The lock.
  std::atomic<uint32_t> word;
  std::atomic<uint32_t> waiters;
  std::atomic<uint32_t> dead[8];
  // The queue, under the lock. `total` counts the puts a second time: what a death may leave behind.
  std::atomic<uint32_t> head;
  std::atomic<uint32_t> tail;
  std::atomic<uint32_t> total;
  std::atomic<uint32_t> owed;
  ToyMessage cells[kCells];
  // An object that is overwritten as soon as nobody uses it.
  std::atomic<uint32_t> in_use;
  ToyMessage object;

  // True when the owner before died holding the lock.
  bool acquire(uint32_t me) {
    for (;;) {
      uint32_t seen = 0;
      if (word.compare_exchange_strong(seen, me)) {
        return false;
      }
      if (seen == kDirty) {
        if (word.compare_exchange_strong(seen, me | kDirty)) {
          recover();
          return true;
        }
      } else if (dead[seen & ~kDirty].load() != 0 && kBug != ToyBug::kIgnoreDeadOwner) {
        repair(seen);
      } else {
        waiters.fetch_add(1);
        seen = word.load();
        if ((seen & ~kDirty) != 0 && dead[seen & ~kDirty].load() == 0) {
          toy_wait(word, seen);
        }
        waiters.fetch_sub(1);
      }
    }
  }

  void repair(uint32_t seen) {
    if (word.compare_exchange_strong(seen, kDirty)) {
      if (kBug == ToyBug::kCountDownForDead) {
        waiters.fetch_sub(1);
      }
      toy_wake(word, INT_MAX);
    }
  }

  void release() {
    if (kBug == ToyBug::kWakeBeforeChange) {
      if (waiters.load() != 0) {
        toy_wake(word, 1);
      }
      word.store(0);
      return;
    }
    word.store(0);
    if (kBug == ToyBug::kClearWaitersOnUnlock ? waiters.exchange(0) != 0 : waiters.load() != 0) {
      toy_wake(word, 1);
    }
  }

  void put(uint32_t me, const ToyMessage& message) {
    acquire(me);
    uint32_t t = tail.load();
    if (kBug == ToyBug::kPublishBeforeCopy) {
      tail.store(t + 1);
    }
    std::memcpy(&cells[t % kCells], &message, sizeof message);
    tail.store(t + 1);
    total.store(t + 1);
    release();
  }

  // With the lock, taken from a dead owner.
  void recover() {
    if (kBug == ToyBug::kRecoveryNotIdempotent) {
      owed.fetch_add(tail.load() - total.load());
      total.fetch_add(owed.load());
      owed.store(0);
    } else {
      total.store(tail.load());
    }
  }

  bool get(uint32_t me, ToyMessage* out) {
    acquire(me);
    uint32_t h = head.load();
    bool any = h != tail.load();
    if (any) {
      if (kBug == ToyBug::kCommitBeforeCopyOut) {
        head.store(h + 1);
      }
      std::memcpy(out, &cells[h % kCells], sizeof *out);
      head.store(h + 1);
    }
    release();
    return any;
  }

  void use(ToyMessage* out) {
    in_use.store(1);
    if (kBug == ToyBug::kDropBeforeUseEnds) {
      in_use.store(0);
    }
    toy_copy(out, &object);
    in_use.store(0);
  }

  void overwrite_if_unused() {
    if (in_use.load() == 0) {
      object.fill(0xee);
    }
  }
};

}  // namespace mp::testing

#endif  // MP_TESTING_TOY_H_
