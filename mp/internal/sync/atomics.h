// mp/internal/sync/atomics.h
//
// The seam through which every shared-memory protocol reaches its atomics. RealAtomics is what the
// product runs; the model checker and the crash tests bring their own policy and so run the very
// same protocol code.
//
// A policy has
//   Atomic<T>          std::atomic<T>, or something with its interface
//   Pair               two Atomic<uint64_t>, lo and hi, that can also be exchanged together: RealPair
//   step(name)         a point where a crash test may kill; nothing in the product
//   fence_after_rmw()  a full (StoreLoad) fence; an atomic read-modify-write stands just before it
//   pause()            the body of a spin loop
//   peek(word)         a load, for who has no lock, from memory that may have been freed and given
//                      out again: it reads whatever stands there, and the caller finds out by
//                      another word whether that meant anything
//   kMaxSpins          pauses: no spin that is counted is longer; 0: no spin at all, as in a model
//   LoopHead           made before a loop whose passes all begin in the same local state; again()
//                      begins a pass, so that a model can forget the passes before
//   kBug               the planted bug, kNone in the product: tests show that their checks can fail

#ifndef MP_INTERNAL_SYNC_ATOMICS_H_
#define MP_INTERNAL_SYNC_ATOMICS_H_

#include <atomic>
#include <cstdint>

namespace mp::internal {

enum class Bug {
  kNone,
  kPublishBeforeCopy,      // put: the header is stored before the payload
  kClearWaitersOnUnlock,   // a wake of one settles the registrations of all
  kWakeBeforeChange,       // release, repair: wakes, then changes the word
  kCountDownForDead,       // repair: settles one registration for the dead
  kAddTheWoken,            // notify: adds those it woke to what others may have settled meanwhile
  kCommitBeforeCopyOut,    // get: moves the head before the payload is copied
  kRecoveryNotIdempotent,  // recovery: counts a message again when it is killed and run anew
  kDropBeforeUseEnds,      // receive: the handle's entry is written after the commit
  kNotifyTheDead,          // notify: a dead waiter counts as one that was woken
  kForgetTheSet,           // Event.wait: looks at the flag alone, not whether it was set meanwhile
  kPassWithTheDead,        // Barrier: who comes last does not ask whether all others live
  kBreakAFullRound,        // Barrier: a death is not looked at again once the round may be full
  kLeaveAFreePlace,        // Barrier: who leaves a place leaves it free for the same round
  kOpenOverTheLate,        // Barrier: the next round does not wait for those who have yet to leave
  kLetGoUntold,            // pipe: who lets go of an end does not tell who may watch it
  kMoveWithoutRecord,      // semaphore: the word forgets its mover before the cell knows
  kGiveBackTwice,          // semaphore: a dead holder's permits leave its cell after they came back
  kNoFreeze,               // semaphore: a mover's holdings are recorded while it may change them
  kTurnBeforeSweep,        // semaphore: becomes a signal over the dead that nobody has found yet
  kMarkLate,               // kRefuse: what a dead one held is free before it is marked
  kTakeUnasked,            // kRefuse: who has got a permit does not look at the mark again
  kAskAgain,               // kRefuse: who was refused is in if the mark is gone by now
  kRecoverByStore,         // kRefuse: recover() frees the lock, whoever holds it by now
  kReleaseUnasked,         // kRefuse: a release of a free lock takes the mark, then puts it back
  kClearEntryBeforeFree,   // drop, sweep: the entry that led to an object goes before the object
  kListsBeforeMessages,    // freeing: the scan reads the processes' lists, then the messages
  kFreeWithoutLock,        // drop: without the reference lock
  kSweepWithoutSecondLook,  // sweep: a slot may be somebody else's by the time the lock is taken
  kCopyAfterFork,           // fork: the child's list is written once it runs
  kTakerBeforeCommit,    // deposit: who signed is asked for before whether the message was received
  kDepositAfterPublish,  // put: a descriptor's entry is written when its message can be received
  kEndBeforeDiscard,     // deposit: an orphan's entry goes before its descriptor does
  kClaimAfterCommit,     // receive: signs for a descriptor when it has the message
  kLeaveUnpublished,     // put: who takes over from a dead producer leaves what it had noted
  kLeaseAfterCommit,     // lease: the entry names its holder when the message has left the ring
  kFreeBeforeAcknowledge,  // lease: the block goes before the message is acknowledged
  kAcknowledgeByStore,     // lease: who is done with it does not look whether somebody has said so
  kReturnByStore,          // lease: what the dead held comes back, whatever became of it meanwhile
  kReturnUntold,           // lease: who finds that a dead one gave something back does not say so
  kLeaveUntaken,           // lease: who takes over leaves the entry of what the dead did not take
  kWatchLesseeLate,        // lease: sleepers learn of whom to watch when it has the lease
  kFinishedByLeasesFirst,  // join: looks at what is leased, then at what waits
  kRingBeforePublish,      // pipe: the bell rings before there is something to be found
  kListenLate,             // pipe: what was not there before the lock is not looked for with it
};

struct PairValue {
  uint64_t lo;
  uint64_t hi;
  friend constexpr bool operator==(const PairValue&, const PairValue&) noexcept = default;
};

// Each half alone is an ordinary atomic: on x86-64 locked instructions of 8 and 16 bytes on the
// same memory are atomic towards each other.
struct alignas(16) RealPair {
  std::atomic<uint64_t> lo;
  std::atomic<uint64_t> hi;

  // hi first, then lo: they may belong to different moments.
  PairValue look() const noexcept {
    uint64_t h = hi.load(std::memory_order_seq_cst);
    return {lo.load(std::memory_order_seq_cst), h};
  }
  // seq_cst. When false, `expected` is what was there.
  bool compare_exchange(PairValue& expected, PairValue desired) noexcept {
    bool same;
    asm volatile("lock cmpxchg16b %1"
                 : "=@ccz"(same), "+m"(*this), "+a"(expected.lo), "+d"(expected.hi)
                 : "b"(desired.lo), "c"(desired.hi)
                 : "memory");
    return same;
  }
};

struct RealAtomics {
  template <class T>
  using Atomic = std::atomic<T>;
  using Pair = RealPair;
  static constexpr Bug kBug = Bug::kNone;
  static void step(const char*) noexcept {}
  // On x86-64 every locked instruction is a full barrier: the compiler alone must be held.
  static void fence_after_rmw() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
  // Kept from ThreadSanitizer: what stands there by now may be plain memory of somebody else.
  template <class T>
  [[gnu::no_sanitize_thread]] static T peek(const std::atomic<T>& word) noexcept {
    return __atomic_load_n(reinterpret_cast<const T*>(&word), __ATOMIC_SEQ_CST);
  }
  static void pause() noexcept { __builtin_ia32_pause(); }
  static constexpr int kMaxSpins = 1 << 30;
  struct LoopHead {
    void again() const noexcept {}
  };
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_ATOMICS_H_
