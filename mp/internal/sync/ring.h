// mp/internal/sync/ring.h
//
// Ring: a queue of byte messages in shared memory that survives the death of any user at any
// instruction. Two kill-safe locks, one for producers and one for consumers; records in a chain of
// segments; commit by one store on either side.
//
//   segment  | next | end | serial | leased | record | record | ... | kEnd |
//   record   | header | handles and fd tokens, 8 bytes each | payload, padded to 8 |
//   kEnd     go on at the first record of segment `next`
//
// Field     written by            read by           rule
// header    producer              consumer          0 until the record is whole; the release store
//                                                   of it publishes
// put       producer, recovery    everyone          count << 1 | which of tail[] is current; lags
//                                                   the headers after a death
// tail      producer, recovery    everyone          the current one names the first record that
//                                                   `put` does not count
// got       consumer              everyone          count << 1 | which of head[] is current; one
//                                                   store commits a get
// head      consumer              everyone          the current one names the next record to take
// oldest    consumer              consumer          the first segment that is not freed
// freeing   consumer              consumer          the one that left the chain and is being freed
// next      producer              both              names a segment before that becomes live (an
//                                                   allocation's intent); 0 when it becomes live
// serial    producer              both              0 until the segment is opened, then one more
//                                                   than that of the segment before
// leased    consumer              consumer          the entry of `leases` that has the segment's
//                                                   first record: the segment leaves the chain
//                                                   like any other, and is freed with the entry
// leases    see LeaseTable
// lessees   consumer, sleepers    sleepers          processes that have taken leases, whose deaths
//                                                   end a sleep; a hint, and not all if many
//
// Order     A producer zeroes the header after its record, then publishes its own: a consumer never
//           meets stale bytes. A record in a new segment is made whole first; then kEnd in the old
//           one publishes it.
// Death     Producer, before its header: nothing happened. After it: the message is there, and who
//           takes the lock next counts it (recover_put). Segments it had added stay behind `tail`,
//           for the next who needs one. Consumer, before the store of `got`: the message is still
//           there. After it: it died with its getter. Recovery may itself be killed: each of its
//           steps leaves a state from which it starts again.
// Leases    A message that is taken to come back is in an entry of `leases` before the store of `got`
//           commits the take; then it is the entry's, whatever becomes of the ring.
// Freeing   From `oldest` on, up to the segment the consumers are in, but never the one that `tail`
//           is in: a producer killed between its header and the store of `put` leaves `tail`
//           behind, and recover_put walks from there.

#ifndef MP_INTERNAL_SYNC_RING_H_
#define MP_INTERNAL_SYNC_RING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/event_count.h"
#include "mp/internal/sync/lease_table.h"
#include "mp/internal/sync/lock_word.h"

namespace mp::internal {

// A record's header word: size:40 | handles:12 | fds:8 | flags:4.
struct RecordHeader {
  static constexpr uint64_t kPublished = uint64_t{1} << 63;
  static constexpr uint64_t kEnd = uint64_t{1} << 62;
  static constexpr uint64_t kRaw = uint64_t{1} << 61;  // the user's bytes, not an encoded value
  static constexpr uint64_t kMaxSize = (uint64_t{1} << 40) - 1;
  static constexpr uint32_t kMaxHandles = (1u << 12) - 1;
  static constexpr uint32_t kMaxFds = (1u << 8) - 1;

  static constexpr uint64_t make(uint64_t size, uint32_t handles, uint32_t fds) noexcept {
    return kPublished | size | uint64_t{handles} << 40 | uint64_t{fds} << 52;
  }
  static constexpr uint64_t size(uint64_t h) noexcept { return h & kMaxSize; }
  static constexpr uint32_t handles(uint64_t h) noexcept {
    return static_cast<uint32_t>(h >> 40) & kMaxHandles;
  }
  static constexpr uint32_t fds(uint64_t h) noexcept {
    return static_cast<uint32_t>(h >> 52) & kMaxFds;
  }
  // Bytes from this record's header to the next one's.
  static constexpr uint64_t stride(uint64_t size, uint32_t words) noexcept {
    return 8 + 8 * uint64_t{words} + ((size + 7) & ~uint64_t{7});
  }
  static constexpr uint64_t stride(uint64_t h) noexcept {
    return stride(size(h), handles(h) + fds(h));
  }
};

// `Store` gives Ring its memory:
//   T* at<T>(offset);  bool is_segment(offset);  uint64_t segment_size(offset): bytes of the block
//   uint64_t allocate_segment(bytes, Atomic<uint64_t>& intent): 0 on failure; its header reads 0
//   void free_segment(offset): a segment, or a part of `leases`
//   bool is_lease(offset);  uint64_t allocate_lease(bytes, intent): the same for parts of `leases`;
//   their first 64 bytes read 0, all of a page's
//   void lease_carried(seq), unlease_carried(from), end_carried(seq): what message `seq` carries is
//   in transit until it is ended; messages from `from` on are not leased after all
//   uint64_t first_segment();  uint64_t largest_segment(): sizes
template <class Atomics = RealAtomics>
struct Ring {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  // Which of `ends`.
  static constexpr int kReaders = 0;
  static constexpr int kWriters = 1;

  static constexpr uint64_t kFirstSegment = 16 << 10;
  static constexpr uint64_t kLargestSegment = 1 << 20;
  static constexpr uint64_t kCached = 16;  // first segments that a cache holds easily

  struct Segment {
    std::byte block[32];  // the arena's header
    Atomic<uint64_t> next;
    uint64_t end;             // offset of the last place for a header
    Atomic<uint64_t> serial;  // one more than that of the segment before
    Atomic<uint64_t> leased;  // an entry of `leases`, or 0
    static constexpr uint64_t kFirst = 64;
  };

  struct Position {
    uint64_t segment;
    uint64_t at;
  };

  // A position in shared memory. Atomic because sleepers read `head` without the lock; relaxed
  // because they look again.
  struct SharedPosition {
    Atomic<uint64_t> segment;
    Atomic<uint64_t> at;

    Position get() const noexcept {
      return {segment.load(std::memory_order_relaxed), at.load(std::memory_order_relaxed)};
    }
    void set(Position p) noexcept {
      segment.store(p.segment, std::memory_order_relaxed);
      at.store(p.at, std::memory_order_relaxed);
    }
  };

  std::byte block[32];  // the arena's header
  uint64_t maxsize;     // messages; 0: no bound
  uint64_t window;      // segments that may be in use before producers wait; 0: no bound
  uint64_t ends[2];     // of a pipe: the objects whose holders read and write; 0 for a queue

  alignas(64) LockWord<Atomics> put_lock;
  Atomic<uint64_t> put;
  SharedPosition tail[2];

  alignas(64) LockWord<Atomics> get_lock;
  Atomic<uint64_t> got;
  SharedPosition head[2];
  Atomic<uint64_t> oldest;

  alignas(64) EventCount<Atomics> items;  // consumers sleep here
  Atomic<uint32_t> closed;                // no more puts: 1; and no more gets: 2
  Atomic<uint64_t> freeing;
  std::atomic<uint32_t> listeners;  // of a pipe: bells to ring; changed with put_lock
  LeaseTable<Atomics> leases;
  alignas(64) EventCount<Atomics> room;  // producers sleep here while `maxsize` messages wait
  Atomic<uint32_t> watched[2];           // of a pipe: who was found to hold each of `ends`; a hint
  EventCount<Atomics> finished;          // who waits until all tasks are finished sleeps here
  static constexpr int kLessees = 6;
  Atomic<uint32_t> lessees[kLessees];  // Owner bits, or 0

  uint64_t published() const noexcept { return put.load(std::memory_order_seq_cst) >> 1; }
  uint64_t received() const noexcept { return got.load(std::memory_order_seq_cst) >> 1; }
  // A snapshot.
  uint64_t size() const noexcept {
    // `got` first: the difference is then never negative, and at most late.
    uint64_t r = received();
    uint64_t p = published();
    return p > r ? p - r : 0;
  }
  // Messages that came back, to be taken before all others.
  template <class Store>
  uint64_t returned(Store& store) const noexcept {
    return leases.none() ? 0 : leases.count(store, LeaseWord::is_back);
  }

  // Whether each message was taken, and each that was leased acknowledged: at one moment during the
  // call. Without a lock.
  template <class Store>
  bool is_finished(Store& store, bool no_gets) noexcept {
    auto unfinished = [&](uint64_t w) {
      return LeaseWord::is_unfinished(w) && !(no_gets && LeaseWord::is_back(w));
    };
    for (;;) {
      if constexpr (Atomics::kBug == Bug::kFinishedByLeasesFirst) {
        const bool none = leases.count(store, unfinished) == 0;
        Atomics::step("ring.leases_seen");
        return none && (no_gets || !has_record(store));
      }
      // The ring first: a message is in an entry before it leaves the ring. And once more at the end:
      // nothing came in meanwhile that an entry which was seen may have by now.
      uint64_t before = got.load(std::memory_order_seq_cst);
      if (!no_gets && has_record(store)) {
        return false;
      }
      if (leases.count(store, unfinished) != 0) {
        return false;
      }
      if (no_gets || (got.load(std::memory_order_seq_cst) == before && !has_record(store))) {
        return true;
      }
    }
  }

  template <class Store>
  static Atomic<uint64_t>& header_at(Store& store, uint64_t at) noexcept {
    return *store.template at<Atomic<uint64_t>>(at);
  }
  template <class Store>
  static Segment& segment_at(Store& store, uint64_t at) noexcept {
    return *store.template at<Segment>(at);
  }

  // Gives a new ring its first segment; false when there is no memory.
  template <class Store>
  bool start(Store& store) noexcept {
    uint64_t s = store.allocate_segment(store.first_segment(), oldest);
    if (s == 0) {
      return false;
    }
    open_segment(store, s, 1);
    Position first{s, s + Segment::kFirst};
    header_at(store, first.at).store(0, std::memory_order_relaxed);
    tail[0].set(first);
    head[0].set(first);
    return true;
  }

  // Calls `see` for each segment. For the destroyer.
  template <class Store, class See>
  void each_segment(Store& store, const See& see) noexcept {
    uint64_t f = freeing.load(std::memory_order_relaxed);
    uint64_t s = oldest.load(std::memory_order_relaxed);
    while (s != 0 && store.is_segment(s)) {
      uint64_t next = segment_at(store, s).next.load(std::memory_order_acquire);
      if (s == f) {
        f = 0;
      }
      see(s);
      s = next;
    }
    if (f != 0 && store.is_segment(f)) {
      see(f);
    }
  }

  // -- Producer, with put_lock held --

  // After put_lock was taken from a dead owner: counts what it had published.
  template <class Store>
  void recover_put(Store& store) noexcept {
    for (;;) {
      uint64_t state = put.load(std::memory_order_relaxed);
      Position t = tail[state & 1].get();
      uint64_t h = header_at(store, t.at).load(std::memory_order_acquire);
      if ((h & RecordHeader::kEnd) != 0) {
        t = first_of_next(store, t.segment);
        h = header_at(store, t.at).load(std::memory_order_acquire);
      }
      if ((h & RecordHeader::kPublished) == 0) {
        return;
      }
      Position after{t.segment, t.at + RecordHeader::stride(h)};
      if constexpr (Atomics::kBug == Bug::kRecoveryNotIdempotent) {
        put.store(state + 2, std::memory_order_release);
        Atomics::step("ring.recover");
        tail[state & 1].set(after);
        continue;
      }
      advance_tail(state, after, 1);
    }
  }

  // Records reserved one after the other and published together, in one store. Private to the
  // producer.
  struct Batch {
    Position position;       // where the next record goes
    uint64_t count = 0;      // records
    uint64_t commit_at = 0;  // the header whose store publishes all
    uint64_t commit = 0;
    uint64_t open_at = 0;  // the last header, not stored yet
    uint64_t open = 0;
  };

  // A place for one record's bytes; `words` is null when there is no memory.
  struct Reserved {
    std::byte* words = nullptr;    // handles, then fd tokens
    std::byte* payload = nullptr;  // 8-aligned
  };

  Batch begin_batch() const noexcept {
    Batch b;
    b.position = tail[put.load(std::memory_order_relaxed) & 1].get();
    return b;
  }

  // Whether a record of `size` bytes at the end of `batch` would open a segment beyond the window.
  template <class Store>
  bool must_wait(Store& store, const Batch& batch, uint64_t size, uint32_t words) noexcept {
    const Segment& s = segment_at(store, batch.position.segment);
    return window != 0 && batch.position.at + RecordHeader::stride(size, words) > s.end &&
           segments_in_use(store, s.serial.load(std::memory_order_relaxed)) >= window;
  }

  // The same for who waits without the lock: whether producers may go on. Wrong only in saying yes.
  template <class Store>
  bool has_room(Store& store) noexcept {
    if (maxsize != 0 && size() >= maxsize) {
      return false;
    }
    if (window == 0) {
      return true;
    }
    uint64_t p = put.load(std::memory_order_seq_cst);
    uint64_t g = got.load(std::memory_order_seq_cst);
    // Segments may be freed while we look at them: a no counts if nothing has moved.
    return backlog(store) < window || put.load(std::memory_order_seq_cst) != p ||
           got.load(std::memory_order_seq_cst) != g;
  }

  // Segments from the one that is read to the one that is written; a hint, without any lock.
  template <class Store>
  uint64_t backlog(Store& store) noexcept {
    uint64_t s =
        tail[put.load(std::memory_order_acquire) & 1].segment.load(std::memory_order_relaxed);
    return segments_in_use(store, Atomics::peek(segment_at(store, s).serial));
  }

  // A record of `large` bytes and more gets a segment of its own.
  template <class Store>
  Reserved reserve(Store& store, Batch& batch, uint64_t size, uint32_t handles, uint32_t fds,
                   uint64_t flags, uint64_t large) noexcept {
    uint64_t need = RecordHeader::stride(size, handles + fds);
    uint64_t at = batch.position.at;
    bool fits = at + need <= segment_at(store, batch.position.segment).end &&
                (need < large || at == batch.position.segment + Segment::kFirst);
    if (!fits) [[unlikely]] {
      uint64_t next = next_segment(store, batch.position.segment, need);
      if (next == 0) {
        return {};
      }
      open_record(store, batch, at, RecordHeader::kPublished | RecordHeader::kEnd);
      batch.position.segment = next;
      at = next + Segment::kFirst;
    }
    uint64_t h = RecordHeader::make(size, handles, fds) | flags;
    open_record(store, batch, at, h);
    batch.position.at = at + need;
    ++batch.count;
    if constexpr (Atomics::kBug == Bug::kPublishBeforeCopy) {
      header_at(store, at + need).store(0, std::memory_order_relaxed);
      header_at(store, at).store(h, std::memory_order_release);
    }
    std::byte* words = store.template at<std::byte>(at + 8);
    return {words, words + 8 * uint64_t{handles + fds}};
  }

  template <class Store>
  void publish(Store& store, Batch& batch) noexcept {
    // What comes after the last record must read as unpublished before anything of the batch can be
    // seen.
    header_at(store, batch.position.at).store(0, std::memory_order_relaxed);
    close_record(store, batch);
    Atomics::step("ring.before_publish");
    // sync: record (pairs with look): who sees this header sees the whole batch.
    header_at(store, batch.commit_at).store(batch.commit, std::memory_order_release);
    Atomics::step("ring.published");
    advance_tail(put.load(std::memory_order_relaxed), batch.position, batch.count);
  }

  // -- Consumer, with get_lock held --

  // After get_lock was taken from a dead owner: settles the segment it was freeing.
  template <class Store>
  void recover_get(Store& store) noexcept {
    uint64_t f = freeing.load(std::memory_order_relaxed);
    if (!leases.none() || leases.pages.load(std::memory_order_relaxed) != 0) {
      settle_leases(store);
    }
    if (f == 0) {
      return;
    }
    uint64_t s = oldest.load(std::memory_order_relaxed);
    // Freed already, it may have come back as a new segment: that one's number is higher, or 0.
    if (f != s && store.is_segment(f)) {
      uint64_t serial = Atomics::peek(segment_at(store, f).serial);
      if (serial != 0 && serial < segment_at(store, s).serial.load(std::memory_order_relaxed) &&
          Atomics::peek(segment_at(store, f).leased) == 0 && store.is_segment(f)) {
        store.free_segment(f);
      }
    }
    freeing.store(0, std::memory_order_release);
  }

  struct Taken {
    uint64_t header = 0;  // 0: there is none
    const std::byte* words = nullptr;
    const std::byte* payload = nullptr;
    Position after;
  };

  // A message that came back; its `after` says nothing.
  template <class Store>
  Taken look_at_lease(Store& store, uint64_t entry) noexcept {
    typename LeaseTable<Atomics>::Entry& e = leases.entry_at(store, entry);
    const uint64_t h = e.header.load(std::memory_order_relaxed);
    Taken taken;
    taken.header = h;
    taken.words = lease_bytes(store, entry);
    taken.payload = taken.words + 8 * uint64_t{RecordHeader::handles(h) + RecordHeader::fds(h)};
    return taken;
  }

  struct Leased {
    uint64_t entry = 0;  // 0: there is no memory
    uint64_t word = 0;
  };
  // Takes the record at front(), which is `taken`, as a lease. `attempt` 0: as a view. `flags` may be
  // LeaseWord::kBack: nobody's yet.
  template <class Store>
  Leased lease(Store& store, const Taken& taken, uint64_t attempt, Owner owner, uint64_t large,
               uint64_t flags = 0) noexcept {
    const uint64_t s = taken.after.segment;
    const uint64_t bytes = RecordHeader::stride(taken.header) - 8;
    const bool first = taken.words == store.template at<std::byte>(s + Segment::kFirst + 8);
    const bool detach = first && bytes >= large;
    auto end = [&](uint64_t at, typename LeaseTable<Atomics>::Entry& e) {
      take_down(store, at, e);
    };
    Leased leased;
    uint64_t at = leases.free_entry(store, detach ? 0 : bytes, end);
    if (at == 0) {
      return leased;
    }
    typename LeaseTable<Atomics>::Entry& e = leases.entry_at(store, at);
    const uint64_t seq = received();
    e.seq.store(seq, std::memory_order_relaxed);
    e.header.store(taken.header, std::memory_order_relaxed);
    if (detach) {
      e.block.store(s, std::memory_order_relaxed);
      segment_at(store, s).leased.store(at, std::memory_order_release);
    } else {
      std::memcpy(lease_bytes(store, at), taken.words, bytes);
    }
    if (carries(taken.header)) {
      store.lease_carried(seq);
    }
    Atomics::step("ring.before_lease");
    if constexpr (Atomics::kBug == Bug::kLeaseAfterCommit) {
      commit_get(store, taken.after, 1);
      Atomics::step("ring.not_leased_yet");
      leased.word = leases.open_entry(e, attempt, owner, flags);
      leased.entry = at;
      return leased;
    }
    leased.word = leases.open_entry(e, attempt, owner, flags);
    leased.entry = at;
    commit_get(store, taken.after, 1);
    return leased;
  }

  // Takes the message that came back once more. `view`: as one that does not come back again.
  template <class Store>
  Leased lease_again(Store& store, uint64_t entry, bool view, Owner owner) noexcept {
    typename LeaseTable<Atomics>::Entry& e = leases.entry_at(store, entry);
    uint64_t w = e.word.load(std::memory_order_relaxed);
    Leased leased{entry, LeaseWord::again(w, owner)};
    if (view) {
      leased.word = LeaseWord::without_attempt(leased.word);
    }
    // sync: lease.
    e.word.store(leased.word, std::memory_order_seq_cst);
    return leased;
  }

  // Takes it for good.
  template <class Store>
  void end_lease(Store& store, uint64_t entry) noexcept {
    typename LeaseTable<Atomics>::Entry& e = leases.entry_at(store, entry);
    e.word.store(e.word.load(std::memory_order_relaxed) | LeaseWord::kDone,
                 std::memory_order_seq_cst);
    Atomics::step("ring.lease_ended");
    take_down(store, entry, e);
  }

  // Takes down what an entry that is done with still has; it is free then.
  template <class Store>
  void take_down(Store& store, uint64_t at, typename LeaseTable<Atomics>::Entry& e) noexcept {
    if (carries(e.header.load(std::memory_order_relaxed))) {
      store.end_carried(e.seq.load(std::memory_order_relaxed));
    }
    uint64_t b = e.block.load(std::memory_order_relaxed);
    if (leases.is_own(store, b, at)) {
      if (store.segment_size(b) > LeaseTable<Atomics>::Own::kKept) {
        leases.free_block(store, e);
      }
    } else if (b != 0) {
      if (store.is_segment(b) &&
          segment_at(store, b).leased.load(std::memory_order_relaxed) == at) {
        if (is_in_chain(store, b)) {
          segment_at(store, b).leased.store(0, std::memory_order_relaxed);
        } else {
          store.free_segment(b);
        }
      }
      Atomics::step("ring.segment_ended");
      e.block.store(0, std::memory_order_relaxed);
    }
    // sync: lease: who finds it free finds nothing else.
    e.word.store(0, std::memory_order_release);
  }

  // The bytes of an entry's message: words and payload.
  template <class Store>
  std::byte* lease_bytes(Store& store, uint64_t entry) noexcept {
    uint64_t b = leases.entry_at(store, entry).block.load(std::memory_order_relaxed);
    return store.template at<std::byte>(b + (leases.is_own(store, b, entry)
                                                 ? LeaseTable<Atomics>::Own::kFirst
                                                 : Segment::kFirst + 8));
  }

  static bool carries(uint64_t header) noexcept {
    return (RecordHeader::handles(header) | RecordHeader::fds(header)) != 0;
  }

  // Sleepers are to learn of the death of `owner`, who has taken a lease. True when that is news.
  bool add_lessee(Owner owner) noexcept {
    Atomic<uint32_t>* place = &lessees[owner.bits % kLessees];
    for (Atomic<uint32_t>& l : lessees) {
      uint32_t bits = l.load(std::memory_order_relaxed);
      if (bits == owner.bits) {
        return false;
      }
      if (bits == 0) {
        place = &l;
      }
    }
    place->store(owner.bits, std::memory_order_seq_cst);
    return true;
  }

  Position front() const noexcept { return head[got.load(std::memory_order_relaxed) & 1].get(); }

  // The record at `p`, which stays where it is.
  template <class Store>
  Taken look(Store& store, Position p) noexcept {
    Taken taken;
    // sync: record.
    uint64_t h = header_at(store, p.at).load(std::memory_order_acquire);
    if ((h & RecordHeader::kEnd) != 0) [[unlikely]] {
      p = first_of_next(store, p.segment);
      h = header_at(store, p.at).load(std::memory_order_acquire);
    }
    if ((h & RecordHeader::kPublished) == 0) {
      return taken;
    }
    taken.header = h;
    taken.words = store.template at<std::byte>(p.at + 8);
    taken.payload = taken.words + 8 * uint64_t{RecordHeader::handles(h) + RecordHeader::fds(h)};
    taken.after = Position{p.segment, p.at + RecordHeader::stride(h)};
    return taken;
  }

  // Takes `count` messages off, up to `after`.
  template <class Store>
  void commit_get(Store& store, Position after, uint64_t count) noexcept {
    uint64_t state = got.load(std::memory_order_relaxed);
    uint64_t which = (state & 1) ^ 1;
    head[which].set(after);
    Atomics::step("ring.before_commit");
    // sync: got (pairs with received): the one store that commits the get.
    got.store(((state >> 1) + count) << 1 | which, std::memory_order_release);
    if (oldest.load(std::memory_order_relaxed) != after.segment) [[unlikely]] {
      Atomics::step("ring.left");
      free_left(store, after.segment);
    }
  }

  // Whether a get would find something now; without the lock.
  template <class Store>
  bool has_message(Store& store) noexcept {
    return has_record(store) || (leases.maybe_back() && returned(store) != 0);
  }

  // Whether a get might find something; for sleepers, without the lock. Wrong only in saying yes.
  template <class Store>
  bool maybe_ready(Store& store) noexcept {
    uint64_t before = got.load(std::memory_order_seq_cst);
    uint64_t at = head[before & 1].at.load(std::memory_order_relaxed);
    uint64_t h = Atomics::peek(header_at(store, at));
    return (h & RecordHeader::kPublished) != 0 || got.load(std::memory_order_seq_cst) != before ||
           leases.maybe_back();
  }

 private:
  template <class Store>
  bool has_record(Store& store) noexcept {
    for (;;) {
      uint64_t before = got.load(std::memory_order_seq_cst);
      uint64_t at = head[before & 1].at.load(std::memory_order_relaxed);
      uint64_t h = Atomics::peek(header_at(store, at));
      if (got.load(std::memory_order_seq_cst) == before) {
        return (h & RecordHeader::kPublished) != 0;
      }
    }
  }

  // Whether `s` is in the chain still, which was in it once.
  template <class Store>
  bool is_in_chain(Store& store, uint64_t s) noexcept {
    return segment_at(store, s).serial.load(std::memory_order_relaxed) >=
           segment_at(store, oldest.load(std::memory_order_relaxed))
               .serial.load(std::memory_order_relaxed);
  }

  // After get_lock was taken from a dead owner: what it was about to take was not taken, what it
  // was taking down goes down, and no entry names a block that is not its own.
  template <class Store>
  void settle_leases(Store& store) noexcept {
    const uint64_t count = received();
    store.unlease_carried(count);
    leases.each(store, [&](uint64_t at, typename LeaseTable<Atomics>::Entry& e) {
      uint64_t w = e.word.load(std::memory_order_seq_cst);
      if (LeaseWord::is_done(w)) {
        take_down(store, at, e);
        return;
      }
      if (w != 0 &&
          (Atomics::kBug == Bug::kLeaveUntaken || e.seq.load(std::memory_order_relaxed) < count)) {
        return;
      }
      uint64_t b = e.block.load(std::memory_order_relaxed);
      if (b != 0 && store.is_segment(b) &&
          segment_at(store, b).leased.load(std::memory_order_relaxed) == at) {
        segment_at(store, b).leased.store(0, std::memory_order_relaxed);
      }
      leases.settle_block(store, at, e);
      e.word.store(0, std::memory_order_release);
    });
    leases.settle_pages(store);
  }

  // The segment that the current `tail` is in, at one moment during the call. A look that `put`
  // overtakes may show a later one: recovery counts a batch message by message, and dies anywhere.
  uint64_t tail_segment() const noexcept {
    for (;;) {
      uint64_t state = put.load(std::memory_order_acquire);
      uint64_t s = tail[state & 1].segment.load(std::memory_order_acquire);
      if (put.load(std::memory_order_acquire) == state) {
        return s;
      }
    }
  }

  // Frees the segments before `front` that `tail` is out of as well.
  template <class Store>
  void free_left(Store& store, uint64_t front) noexcept {
    for (;;) {
      uint64_t s = oldest.load(std::memory_order_relaxed);
      if (s == front || s == tail_segment()) {
        return;
      }
      uint64_t next = segment_at(store, s).next.load(std::memory_order_acquire);
      freeing.store(s, std::memory_order_relaxed);
      // sync: none but the compiler: named as being freed before it leaves the chain.
      oldest.store(next, std::memory_order_release);
      Atomics::step("ring.freeing");
      if (segment_at(store, s).leased.load(std::memory_order_relaxed) == 0) {
        store.free_segment(s);
      }
      freeing.store(0, std::memory_order_release);
    }
  }

  template <class Store>
  static void open_segment(Store& store, uint64_t s, uint64_t serial) noexcept {
    Segment& segment = segment_at(store, s);
    segment.leased.store(0, std::memory_order_relaxed);
    segment.end = s + store.segment_size(s) - 8;
    segment.serial.store(serial, std::memory_order_release);
  }

  template <class Store>
  static Position first_of_next(Store& store, uint64_t s) noexcept {
    uint64_t next = segment_at(store, s).next.load(std::memory_order_acquire);
    return Position{next, next + Segment::kFirst};
  }

  // The segment after `s`, empty, with room for `need` bytes; 0 when there is no memory.
  template <class Store>
  uint64_t next_segment(Store& store, uint64_t s, uint64_t need) noexcept {
    Atomic<uint64_t>& next = segment_at(store, s).next;
    uint64_t serial = segment_at(store, s).serial.load(std::memory_order_relaxed) + 1;
    uint64_t bytes = need + Segment::kFirst + 8;
    // Left by a producer that died, or gave up, before it published; with what it left behind that.
    // Or named but never live.
    uint64_t n = next.load(std::memory_order_relaxed);
    if (n != 0 && store.is_segment(n)) {
      if (store.segment_size(n) >= bytes) {
        open_segment(store, n, serial);
        return n;
      }
      free_chain(store, next);
    }
    // A queue with a backlog gets larger segments; one whose consumers keep up goes on with what
    // fits in their cache.
    uint64_t size = store.first_segment();
    if (window == 0 && segments_in_use(store, serial) > kCached) {
      size = std::min(2 * store.segment_size(s), store.largest_segment());
    }
    n = store.allocate_segment(std::max(bytes, size), next);
    if (n == 0 && size > store.first_segment()) {
      // For want of memory, one as small as can be: it is also the sooner free again.
      n = store.allocate_segment(std::max(bytes, store.first_segment()), next);
    }
    if (n != 0) {
      open_segment(store, n, serial);
    }
    return n;
  }

  // Frees the segments behind `next`, the last one first: killed midway, the others can be reached.
  template <class Store>
  static void free_chain(Store& store, Atomic<uint64_t>& next) noexcept {
    for (;;) {
      Atomic<uint64_t>* last = nullptr;
      Atomic<uint64_t>* end = &next;
      for (uint64_t s; (s = end->load(std::memory_order_relaxed)) != 0 && store.is_segment(s);) {
        last = end;
        end = &segment_at(store, s).next;
      }
      if (last == nullptr) {
        return;
      }
      store.free_segment(last->load(std::memory_order_relaxed));
      last->store(0, std::memory_order_relaxed);
    }
  }

  template <class Store>
  uint64_t segments_in_use(Store& store, uint64_t serial) noexcept {
    return serial - Atomics::peek(segment_at(store, front_segment()).serial) + 1;
  }

  // Which segment the consumers are in; a hint for producers.
  uint64_t front_segment() const noexcept {
    return head[got.load(std::memory_order_relaxed) & 1].segment.load(std::memory_order_relaxed);
  }

  template <class Store>
  static void open_record(Store& store, Batch& batch, uint64_t at, uint64_t header) noexcept {
    close_record(store, batch);
    batch.open_at = at;
    batch.open = header;
  }

  // The batch's first header is kept for publish(); the others can be stored, nobody can reach them
  // yet.
  template <class Store>
  static void close_record(Store& store, Batch& batch) noexcept {
    if (batch.open_at == 0) {
      return;
    }
    if (batch.commit_at == 0) {
      batch.commit_at = batch.open_at;
      batch.commit = batch.open;
    } else {
      header_at(store, batch.open_at).store(batch.open, std::memory_order_relaxed);
    }
    batch.open_at = 0;
  }

  void advance_tail(uint64_t state, Position after, uint64_t count) noexcept {
    uint64_t which = (state & 1) ^ 1;
    tail[which].set(after);
    Atomics::step("ring.before_count");
    // sync: put (pairs with published).
    put.store(((state >> 1) + count) << 1 | which, std::memory_order_release);
  }
};

static_assert(sizeof(Ring<>) == 320);
static_assert(std::is_standard_layout_v<Ring<>>);
static_assert(std::is_trivially_destructible_v<Ring<>>);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_RING_H_
