// mp/internal/shm/layout.h
//
// The fixed part of the arena: header, process table. Everything is zero in a new memfd; `magic` is
// stored last.
//
// Offsets from the start of the arena are the only references; an offset of 0 is none.

#ifndef MP_INTERNAL_SHM_LAYOUT_H_
#define MP_INTERNAL_SHM_LAYOUT_H_

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/lock_word.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

inline constexpr uint64_t kMagic = 0x314152454e41504d;  // "MPARENA1"
inline constexpr int kClasses = 48;

struct ArenaHeader {
  std::atomic<uint64_t> magic;
  uint64_t
      signature;    // of every struct in shared memory: two builds that disagree refuse each other
  uint64_t cookie;  // random; a child proves with it that it was handed this arena
  uint64_t size;

  // Allocation; all but `budget` and the lock are written by the holder of alloc_lock.
  alignas(64) LockWord<> alloc_lock;
  std::atomic<uint64_t> budget;
  std::atomic<uint64_t> used;    // bytes reserved in the memfd
  std::atomic<uint64_t> cached;  // of these, bytes in free large blocks
  uint64_t small_next;           // where the next small block is carved
  uint64_t small_backed;         // up to where small blocks have pages
  uint64_t large_next;
  uint64_t free[kClasses];

  // Processes and objects.
  alignas(64) LockWord<> family_lock;
  std::atomic<uint32_t> slots_used;  // slots 1 .. slots_used have been given out; only grows
  std::atomic<uint64_t> transit;     // first page of handles inside messages
  std::atomic<uint64_t> sweep_at;  // bytes in use from which an allocation looks for dead processes

  // The mailbox for file descriptors, whose sockets each member has inherited.
  LockWord<> mailbox_lock;
  std::atomic<uint32_t>
      mailbox_count;               // descriptors that wait in it; after a death it may be too high
  std::atomic<uint32_t> deposits;  // entries in use; after a death it may be too high
  std::atomic<uint32_t> orphans;   // not 0: some of them are nobody's
  std::atomic<uint32_t> deposits_top;  // entries below it have been used; only grows

  // Shared memory by name; see segment.h and family_names.cc.
  std::atomic<uint64_t> names;         // the first segment with a name
  std::atomic<uint32_t> names_looked;  // somebody has looked for what dead families left
  std::atomic<uint32_t> files_made;    // somebody has named a file

  // Test knobs and what they show.
  alignas(64) std::atomic<int64_t> slice_ns;
  std::atomic<uint64_t> rescues;
  std::atomic<uint32_t> large_message;  // bytes from which a message gets a segment of its own
};

// Phase of a slot. kFree -> kReserved by the creator, under family_lock and with the certificate
// taken; -> kLive by the process itself; -> kSwept by whoever noticed the death, under family_lock;
// -> kFree when the creator is done with it.
enum class Phase : uint32_t { kFree = 0, kReserved, kLive, kSwept };

// One process of the family.
struct alignas(64) Slot {
  static constexpr int kEntries = 16;

  std::atomic<uint64_t> state;  // generation << 32 | Phase: one word, changed together
  std::atomic<uint32_t> pid;
  std::atomic<uint32_t> creator;  // Owner bits; 0: nobody waits for the exit status
  std::atomic<uint32_t> status;   // 0 unknown, else a StatusWord; see proc/status.h
  std::atomic<uint32_t> naming;   // kMadeNames, kLeft, and kNaming for each change under way
  pthread_mutex_t life;  // robust, held for life by the main thread: a hint that wakes sleepers
  std::atomic<uint64_t> pages;  // first further page of the list below
  std::atomic<uint64_t> objects[kEntries];

  static constexpr uint32_t kStatusKnown = 1u << 31;
  static constexpr uint32_t kMadeNames = 1;  // it has made named files
  static constexpr uint32_t kLeft = 2;       // it ends in order: what it made stays
  static constexpr uint32_t kNaming = 4;     // it is making or removing a named file
};

static_assert(sizeof(Slot) == 256);

// A file descriptor in the mailbox; see Deposits.
template <class Atomics = RealAtomics>
struct DepositOf {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  Atomic<uint64_t> token;    // sender's Owner bits << 32 | number; 0: free
  Atomic<uint64_t> channel;  // 0: looked at no more
  Atomic<uint64_t> seq;
  // Offset of the channel's count of received messages; 0: received; kDepositLeased: the message
  // keeps it, received or not, until it is ended.
  Atomic<uint64_t> received;
  Atomic<uint32_t> taker;  // Owner bits
  Atomic<uint32_t> orphan;
};
using Deposit = DepositOf<>;
inline constexpr uint32_t kDeposits = 128;
inline constexpr uint64_t kDepositLeased = ~uint64_t{0};

inline constexpr uint64_t kDepositsAt = 4096;
inline constexpr uint64_t kSlotsAt = 12288;
static_assert(kDepositsAt + sizeof(Deposit) * kDeposits <= kSlotsAt);
inline constexpr uint64_t kHeapAt = kSlotsAt + sizeof(Slot) * Owner::kSlots;
static_assert(sizeof(ArenaHeader) <= kDepositsAt);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_LAYOUT_H_
