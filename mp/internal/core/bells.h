// mp/internal/core/bells.h
//
// Bells: how the messages of a pipe reach who waits for them by a file descriptor. A ring of a pipe has room for a few
// addresses of doorbells; who publishes rings those that have not been rung since they were last silenced.
//
// Field    written by                    rule
// owner    who listens, to enter and to leave; a producer, for the dead
// rung     a producer, the listener      with put_lock: not 0 says that the doorbell is readable
// watched  the listener                  whose death it notices without a bell; 0: nobody's
// name     the listener, before owner    the address
//
// Order    Publishing and ringing, silencing and looking whether there is a message are each one step, under put_lock: so a
//          doorbell is readable while there is a message, and otherwise only as said below. The lock is not needed to ring
//          for other reasons: an end was closed, changed hands, or nobody is watched.
// Death    Of a producer between publishing and ringing: if the listener watches it, it is awake; otherwise who takes
//          put_lock next rings. Of a listener: its place is freed by who sweeps it, by a producer who finds that nobody has the
//          address, or by who wants it.

#ifndef MP_INTERNAL_CORE_BELLS_H_
#define MP_INTERNAL_CORE_BELLS_H_

#include <atomic>
#include <cstdint>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/doorbell.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/owner.h"
#include "mp/internal/sync/ring.h"

namespace mp::internal {

struct Bell {
  std::atomic<uint32_t> owner;
  std::atomic<uint32_t> rung;
  std::atomic<uint32_t> watched;
  uint32_t unused;
  std::atomic<uint64_t> name;
  std::atomic<uint64_t> secret;
};

// The ring of a pipe.
struct PipeRing {
  static constexpr int kBells = 8;

  Ring<> ring;
  Bell bells[kBells];
};
static_assert(sizeof(PipeRing) == sizeof(Ring<>) + 256);

// Whether a receive would find a message, or the end.
bool is_readable(Family& family, uint64_t ring) noexcept;

// Rings every bell. Needs no lock.
void ring_all_bells(Family& family, uint64_t ring) noexcept;
// Rings those whom the death of a holder of the writers' end could miss: they watch nobody, or one who holds it no more.
void ring_blind_bells(Family& family, uint64_t ring) noexcept;

// Frees the places of the dead. Needs no lock.
void free_dead_bells(Family& family, uint64_t ring) noexcept;

// A place among the bells of a ring, which outlives it.
class Listener {
 public:
  Listener(Family& family, uint64_t ring) noexcept : family_(&family), ring_(ring) {}
  Listener(Listener&& other) noexcept
      : family_(other.family_), ring_(other.ring_), place_(std::exchange(other.place_, -1)) {}
  Listener& operator=(Listener&&) = delete;
  ~Listener() { leave(); }

  enum class Answer {
    kYes,
    kBusy,  // `deadline` passed first
    kFull,  // as many as there may be listen already
  };
  // From now on each message rings; one that is there has rung.
  Answer join(const DoorbellAddress& address, Deadline deadline) noexcept;
  void leave() noexcept;
  // In a child of fork: the place is its parent's.
  void forget() noexcept { place_ = -1; }

  // If nothing is there, silences what can be heard and returns true: the next message rings again. False when something
  // is, or `deadline` passed.
  template <Bug kBug = Bug::kNone, class Silence>
  bool silence(Deadline deadline, const Silence& silence) noexcept {
    if (is_readable(*family_, ring_) || !lock(deadline)) {
      return false;
    }
    bool nothing = kBug == Bug::kListenLate || !is_readable(*family_, ring_);
    if (nothing) {
      silence();
      bell().rung.store(0, std::memory_order_relaxed);
    }
    unlock();
    // An end is closed without the lock, and its ring may have been silenced.
    return nothing && !ring_if_closed();
  }

  // Who holds the writers' end; as Family::holder_of().
  Owner writer(Owner hint) const noexcept;
  std::atomic<uint32_t>& watched() const noexcept { return bell().watched; }
  // Rings this one.
  void ring_own() const noexcept;

 private:
  PipeRing& pipe() const noexcept { return *family_->at<PipeRing>(ring_); }
  Bell& bell() const noexcept { return pipe().bells[place_]; }
  bool lock(Deadline deadline) noexcept;
  void unlock() noexcept;
  bool ring_if_closed() noexcept;

  Family* family_;
  uint64_t ring_;
  int place_ = -1;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_BELLS_H_
