// mp/internal/pool/desk.h
//
// Desk: what a pool's owner shares with one worker. Two rings, one each way: the owner alone writes tasks, the worker alone
// reads them; the worker alone writes results, the owner alone reads them. A ledger, one word per task that the worker may
// have. And the board of the pool, where any worker says that it has results.
//
// No lock is shared by two workers. So a worker that is killed, or stopped, at any instruction keeps nobody from anything.
//
//   Board      written by   rule
//   bell       workers      the owner sleeps here; rung after the bit in `ready`, at once or late
//   ready      both         bit n: worker n has published since the owner last cleared the bit
//
// Order      Worker: publish the result, then set the bit unless it is set, then ring if it was not. Owner: clear the bit, then
//            read the ring to its end. A bit that the worker finds set is cleared, and the ring read, after that look.
// Crowds     A wake costs more than many a task. So of tasks of one crowd, of whose results nobody waits for a single one, the
//            worker sets the bit at once and rings later: before it begins a task of others, sleeps or leaves; and before it
//            has done half of what it has, since the owner may have more for it.
// Death      Between the result and the bit, or the bell: who notices the death reads the ring to its end.

#ifndef MP_INTERNAL_POOL_DESK_H_
#define MP_INTERNAL_POOL_DESK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

#include "mp/internal/core/handle.h"
#include "mp/internal/core/queue_core.h"
#include "mp/internal/core/received.h"
#include "mp/internal/frame/codec_base.h"
#include "mp/internal/pool/ledger_word.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/sync/event_count.h"

namespace mp::internal {

inline constexpr uint32_t kMostWorkers = 1024;
inline constexpr uint32_t kWindow = 256;  // tasks that a worker may have

struct Board {
  Block block;
  alignas(64) EventCount<> bell;
  alignas(64) std::atomic<uint64_t> ready[kMostWorkers / 64];
};

struct Ledger {
  Block block;
  std::atomic<uint32_t> phase;  // of the worker
  std::atomic<int64_t> began;   // monotonic; of the task that runs
  // The ticket of the task that runs: written before its word says kRunning, and cleared, or overwritten, after its result is
  // published. A word says kRunning until the owner has read the result, so several may; this says which it is.
  std::atomic<uint64_t> current;
  std::atomic<uint64_t> base_bytes;  // private memory of the worker before its first task
  alignas(64) LedgerWord<> tasks[kWindow];

  static constexpr uint32_t kStarting = 0;
  static constexpr uint32_t kAtWork = 1;  // its initializer is done
};

// What stands before each message in the rings.
struct PostHeader {
  uint64_t ticket = 0;
  uint16_t slot = 0;
  uint16_t what = 0;
  uint32_t crowd = 0;  // of a task; 0: none
};
static_assert(sizeof(PostHeader) == 16);

// PostHeader::what, of tasks and of results.
inline constexpr uint16_t kTask = 1;
inline constexpr uint16_t kLeave = 2;  // no more tasks will come
inline constexpr uint16_t kResult = 3;
inline constexpr uint16_t kError = 4;
inline constexpr uint16_t kNotReady = 5;  // the initializer threw this
inline constexpr uint16_t kLog = 6;       // a Logged

// What a worker logs, for its owner: level, message, process, pid, file, line.
using Logged = std::tuple<int, std::string, std::string, int, std::string, int>;

struct Desk {
  Ref board;
  Ref ledger;
  QueueCore tasks;
  QueueCore results;
  uint32_t number = 0;  // of the worker in the pool

  static Desk make(const Ref& board, uint32_t number) {
    return {board, Ref::create(Kind::kArray, sizeof(Ledger)), QueueCore(0, 0), QueueCore(0, 0),
            number};
  }
  Board& shared() const noexcept { return *board.object<Board>(); }
  Ledger& book() const noexcept { return *ledger.object<Ledger>(); }
};

// Worker: says that there are results, and wakes who sleeps at the bell.
void ring_owner(const Desk& desk) noexcept;
// The two halves of that. The second wakes nobody if the owner has looked since the first.
void mark_results(const Desk& desk) noexcept;
void ring_late(const Desk& desk) noexcept;
// Owner: wakes who sleeps at the bell, to look at something else.
void ring_bell(Board& board) noexcept;

}  // namespace mp::internal

namespace mp {
template <>
struct Codec<internal::Desk> {
  static Encoder::Ref encode(Encoder& e, const internal::Desk& desk);
  static internal::Desk decode(const Reader& r);
};
}  // namespace mp

#endif  // MP_INTERNAL_POOL_DESK_H_
