// mp/internal/pool/ledger_word.h
//
// LedgerWord: who may run a task that was handed to a worker. One word per task, in memory that the pool's owner and that
// worker share.
//
//   ticket << 2 | state
//
// State       from         by       by which step
// kNone                             no task
// kQueued     kNone        owner    store, before the message that carries the task is published
// kRunning    kQueued      worker   compare-and-swap: the worker has it, before it looks into the message
// kTakenBack  kQueued      owner    compare-and-swap: the owner has it again, and gives it to another worker or to nobody
// kNone       any          owner    store, once the task's result was read, or its worker is dead
//
// A ticket is given out once in the life of a pool. So a message whose task was taken back, or ended, names a word that says
// something else by then, and its worker passes over it.
//
// Death       The worker, before its compare-and-swap: the task is not begun, and goes to another. After it: the task was
//             begun; whether its result was published, the worker's ring says, which is read to its end first. So a task is
//             run once, unless the user asks for more attempts.

#ifndef MP_INTERNAL_POOL_LEDGER_WORD_H_
#define MP_INTERNAL_POOL_LEDGER_WORD_H_

#include <cstdint>

#include "mp/internal/sync/atomics.h"

namespace mp::internal {

template <class Atomics = RealAtomics>
struct LedgerWord {
  static constexpr uint64_t kNone = 0;
  static constexpr uint64_t kQueued = 1;
  static constexpr uint64_t kRunning = 2;
  static constexpr uint64_t kTakenBack = 3;

  typename Atomics::template Atomic<uint64_t> word{0};

  // Owner. Nobody else writes a word without a task.
  void queue(uint64_t ticket) noexcept {
    // sync: ring's record: the worker reads the message that names this word after this store.
    word.store(ticket << 2 | kQueued, std::memory_order_relaxed);
  }
  // Owner. True: no worker runs the task, or will.
  bool take_back(uint64_t ticket) noexcept { return change(ticket, kTakenBack); }
  void end() noexcept { word.store(kNone, std::memory_order_relaxed); }

  // Worker. True: the task is this worker's to run.
  bool begin(uint64_t ticket) noexcept { return change(ticket, kRunning); }

  bool is_queued(uint64_t ticket) const noexcept {
    return word.load(std::memory_order_acquire) == (ticket << 2 | kQueued);
  }
  bool is_running(uint64_t ticket) const noexcept {
    return word.load(std::memory_order_acquire) == (ticket << 2 | kRunning);
  }

 private:
  bool change(uint64_t ticket, uint64_t to) noexcept {
    uint64_t expected = ticket << 2 | kQueued;
    // Acquire and release: what the loser did before is over for the winner. An owner that loses sees what the worker wrote
    // before it began.
    return word.compare_exchange_strong(expected, ticket << 2 | to, std::memory_order_acq_rel,
                                        std::memory_order_acquire);
  }
};

static_assert(sizeof(LedgerWord<>) == 8);

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_LEDGER_WORD_H_
