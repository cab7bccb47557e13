// mp/internal/sync/lease_table.h
//
// LeaseTable: the messages that were taken out of a ring and are not done with: leases, which come
// back when their holder dies or gives them back, and views, which do not. A part of a Ring.
//
//   ring -> page -> page ...      of entries; pages stay as long as the ring
//   entry | word | seq | block | header |
//   block     the message: one of the table's own, or, of a large one, the ring's segment
//
// Field    written by                  rule
// pages    the holder of get_lock      an allocation's intent, as is each page's next
// used     the holder of get_lock      entries that were ever used; only grows, after their page lives
// returns  who returns something       one more, after the entry says so: look through the entries
// seen     the holder of get_lock      `returns` as it was before a look that left nothing
// word     see LeaseWord               the one truth about an entry
// seq      the holder of get_lock      number of the message; before `word`
// block    the holder of get_lock      an allocation's intent; before `word`
//
// Taking   The entry is written whole, its word last, and then the ring's `got` commits the take: an
//          entry whose seq is not below the count of received messages was never taken, and who
//          takes get_lock over from the dead clears it. An entry that was returned is taken by one
//          change of its word.
// Ending   One change of the word: acknowledged, returned, taken again. Nobody needs a lock for it;
//          the word names its holder, and what the holder's death leaves undone is found by that
//          name. What an acknowledged entry still has (a block that goes, handles inside) is taken
//          down by the next holder of get_lock who sees it.

#ifndef MP_INTERNAL_SYNC_LEASE_TABLE_H_
#define MP_INTERNAL_SYNC_LEASE_TABLE_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

// done:1 | tag:15 | attempt:16 | back:1 | owner:31; 0 is a free entry.
//
//   {attempt, owner}        leased; attempt 0: a view, or acknowledged before it was delivered
//   {attempt, owner, back}  whoever gets next takes it; `owner` is who had it, as long as nobody
//                           has said so in `returns`
//   {..., done}             acknowledged; something is left to take down
//
// The tag tells one use of an entry from the next.
struct LeaseWord {
  static constexpr uint64_t kBack = uint64_t{1} << 31;
  static constexpr uint64_t kDone = uint64_t{1} << 63;
  static constexpr uint64_t kMostAttempts = 0xffff;

  static constexpr uint64_t make(uint64_t tag, uint64_t attempt, Owner owner) noexcept {
    return (tag & 0x7fff) << 48 | std::min(attempt, kMostAttempts) << 32 | owner.bits;
  }
  static constexpr uint64_t tag(uint64_t w) noexcept { return w >> 48 & 0x7fff; }
  static constexpr uint32_t attempt(uint64_t w) noexcept {
    return static_cast<uint32_t>(w >> 32 & kMostAttempts);
  }
  static constexpr Owner owner(uint64_t w) noexcept {
    return Owner{static_cast<uint32_t>(w & (kBack - 1))};
  }
  static constexpr bool is_back(uint64_t w) noexcept { return (w & (kBack | kDone)) == kBack; }
  static constexpr bool is_done(uint64_t w) noexcept { return (w & kDone) != 0; }
  // Somebody has it now.
  static constexpr bool is_out(uint64_t w) noexcept { return w != 0 && (w & (kBack | kDone)) == 0; }
  // Counts as a task that is not finished.
  static constexpr bool is_unfinished(uint64_t w) noexcept {
    return w != 0 && !is_done(w) && attempt(w) != 0;
  }
  // The same, but no task any more.
  static constexpr uint64_t without_attempt(uint64_t w) noexcept {
    return w & ~(kMostAttempts << 32);
  }
  // Given out once more, to `owner`.
  static constexpr uint64_t again(uint64_t w, Owner owner) noexcept {
    return make(tag(w), attempt(w) == 0 ? 0 : attempt(w) + 1, owner);
  }
};

template <class Atomics = RealAtomics>
struct LeaseTable {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  struct alignas(64) Entry {
    Atomic<uint64_t> word;
    Atomic<uint64_t> seq;
    Atomic<uint64_t> block;
    Atomic<uint64_t> header;  // the record's
    uint64_t tag;             // of the last use
  };

  struct Page {
    static constexpr uint32_t kEntries = Atomics::kMaxSpins == 0 ? 2 : 63;
    std::byte block[32];  // the arena's header
    Atomic<uint64_t> next;
    uint64_t padding[3];
    Entry entries[kEntries];
  };

  // A block of the table's own: the record's words and payload follow.
  struct Own {
    std::byte block[32];     // the arena's header
    Atomic<uint64_t> entry;  // whose it is; 0 until that is written
    static constexpr uint64_t kFirst = 40;
    static constexpr uint64_t kSmallest = Atomics::kMaxSpins == 0 ? 64 : 256;
    // Blocks up to this size stay with their entry, for its next message.
    static constexpr uint64_t kKept = 4096;
  };

  // Entries that a take looks at before it opens a new one.
  static constexpr uint32_t kLook = 64;

  Atomic<uint64_t> pages;
  Atomic<uint32_t> used;
  Atomic<uint32_t> cursor;  // where the next look for a free entry begins
  Atomic<uint32_t> returns;
  Atomic<uint32_t> seen;

  template <class Store>
  static Entry& entry_at(Store& store, uint64_t at) noexcept {
    return *store.template at<Entry>(at);
  }

  // -- Without a lock --

  // Nothing was ever taken this way.
  bool none() const noexcept { return used.load(std::memory_order_acquire) == 0; }
  // Something may have come back; wrong only in saying yes.
  bool maybe_back() const noexcept {
    return returns.load(std::memory_order_seq_cst) != seen.load(std::memory_order_relaxed);
  }

  // Calls see(offset, entry) for each entry.
  template <class Store, class See>
  void each(Store& store, const See& see) const noexcept {
    uint32_t left = used.load(std::memory_order_acquire);
    for (uint64_t p = pages.load(std::memory_order_acquire); left != 0;) {
      Page& page = *store.template at<Page>(p);
      for (uint32_t i = 0; i < Page::kEntries && left != 0; ++i, --left) {
        see(p + offset_in_page(i), page.entries[i]);
      }
      p = page.next.load(std::memory_order_acquire);
    }
  }

  // How many entries have a word of which `is` is true; a look at one after the other.
  template <class Store, class Is>
  uint64_t count(Store& store, const Is& is) const noexcept {
    uint64_t n = 0;
    each(store, [&](uint64_t, Entry& e) { n += is(e.word.load(std::memory_order_seq_cst)); });
    return n;
  }

  // By its holder: the message is done with. False when it was so already, or is somebody else's by
  // now. With `more`, take_down() has something to do.
  template <class Store>
  bool acknowledge(Store& store, Entry& e, uint64_t word, bool carries, bool* more) noexcept {
    if constexpr (Atomics::kBug == Bug::kFreeBeforeAcknowledge) {
      // The block goes while the word still says that the message may come back.
      std::byte* bytes = store.template at<std::byte>(e.block.load(std::memory_order_relaxed));
      std::fill(bytes + Own::kFirst, bytes + Own::kSmallest, std::byte{0});
      Atomics::step("lease.freed");
    }
    *more = carries || !keeps_block(store, e);
    if constexpr (Atomics::kBug == Bug::kAcknowledgeByStore) {
      const bool ours = e.word.load(std::memory_order_seq_cst) == word;
      e.word.store(*more ? word | LeaseWord::kDone : 0, std::memory_order_seq_cst);
      return ours;
    }
    // sync: lease (pairs with open_entry): what the holder did with the block is over.
    return e.word.compare_exchange_strong(word, *more ? word | LeaseWord::kDone : 0,
                                          std::memory_order_seq_cst);
  }

  // By its holder: whoever gets next takes it. Wake one then.
  bool give_back(Entry& e, uint64_t word) noexcept {
    if (!e.word.compare_exchange_strong(word, word | LeaseWord::kBack, std::memory_order_seq_cst)) {
      return false;
    }
    Atomics::step("lease.given_back");
    returns.fetch_add(1, std::memory_order_seq_cst);
    return true;
  }

  // What the owners of whom `gone` is true held comes back, views end. `received`: the ring's count
  // of received messages, read when an entry is looked at. True when something changed.
  template <class Store, class Received, class Gone>
  bool return_of(Store& store, const Received& received, const Gone& gone) noexcept {
    bool changed = false;
    bool found = false;
    each(store, [&](uint64_t, Entry& e) {
      uint64_t w = e.word.load(std::memory_order_seq_cst);
      if (w == 0 || !gone(LeaseWord::owner(w))) {
        return;
      }
      if (!LeaseWord::is_out(w)) {
        // Its holder may have died before it said so.
        found = Atomics::kBug != Bug::kReturnUntold;
        return;
      }
      // Never taken: that is for who takes get_lock over.
      if (e.seq.load(std::memory_order_relaxed) >= received()) {
        return;
      }
      uint64_t end = w | (LeaseWord::attempt(w) == 0 ? LeaseWord::kDone : LeaseWord::kBack);
      if constexpr (Atomics::kBug == Bug::kReturnByStore) {
        e.word.store(end, std::memory_order_seq_cst);
        changed = true;
        return;
      }
      changed |= e.word.compare_exchange_strong(w, end, std::memory_order_seq_cst);
    });
    if (changed || found) {
      Atomics::step("lease.returned");
      returns.fetch_add(1, std::memory_order_seq_cst);
    }
    return changed;
  }

  // -- With get_lock --

  // What came back and is the oldest; 0: nothing. Takes down what is done with.
  struct Back {
    uint64_t entry = 0;
    bool is_last = false;  // nothing else has come back
    uint32_t looked = 0;   // for `seen`, once it is taken
  };
  template <class Store, class TakeDown>
  Back first_back(Store& store, const TakeDown& take_down) noexcept {
    Back back;
    back.looked = returns.load(std::memory_order_seq_cst);
    uint64_t count = 0;
    uint64_t oldest = 0;
    each(store, [&](uint64_t at, Entry& e) {
      uint64_t w = e.word.load(std::memory_order_seq_cst);
      if (LeaseWord::is_done(w)) {
        take_down(at, e);
      } else if (LeaseWord::is_back(w)) {
        uint64_t seq = e.seq.load(std::memory_order_relaxed);
        if (count++ == 0 || seq < oldest) {
          oldest = seq;
          back.entry = at;
        }
      }
    });
    back.is_last = count == 1;
    if (count == 0) {
      seen.store(back.looked, std::memory_order_relaxed);
    }
    return back;
  }
  // After its word has changed: killed in between, somebody looks once too often.
  void took(const Back& back) noexcept {
    if (back.is_last) {
      seen.store(back.looked, std::memory_order_relaxed);
    }
  }

  // A free entry, with a block of its own for `bytes` unless these are 0; 0: no memory.
  template <class Store, class TakeDown>
  uint64_t free_entry(Store& store, uint64_t bytes, const TakeDown& take_down) noexcept {
    uint64_t at = find_free(store, take_down);
    if (at == 0) {
      at = add_entry(store);
    }
    if (at == 0 || bytes == 0) {
      if (at != 0) {
        free_block(store, entry_at(store, at));
      }
      return at;
    }
    Entry& e = entry_at(store, at);
    uint64_t size = std::max(std::bit_ceil(Own::kFirst + bytes), Own::kSmallest);
    uint64_t b = e.block.load(std::memory_order_relaxed);
    if (b != 0 && store.segment_size(b) >= size) {
      return at;
    }
    free_block(store, e);
    b = store.allocate_lease(size, e.block);
    if (b == 0) {
      return 0;
    }
    store.template at<Own>(b)->entry.store(at, std::memory_order_release);
    return at;
  }

  // Gives a free entry that is filled, but for its word, to its first holder. `attempt` 0: a view.
  uint64_t open_entry(Entry& e, uint64_t attempt, Owner owner, uint64_t flags = 0) noexcept {
    uint64_t w = LeaseWord::make(++e.tag, attempt, owner) | flags;
    // sync: lease (pairs with everybody's look at the word).
    e.word.store(w, std::memory_order_seq_cst);
    return w;
  }

  // The block of a free entry goes, if it is the table's own.
  template <class Store>
  static void free_block(Store& store, Entry& e) noexcept {
    if (uint64_t b = e.block.load(std::memory_order_relaxed); b != 0) {
      store.free_segment(b);
      Atomics::step("lease.block_freed");
      e.block.store(0, std::memory_order_relaxed);
    }
  }

  template <class Store>
  static bool is_own(Store& store, uint64_t block, uint64_t entry) noexcept {
    return block != 0 && store.is_lease(block) &&
           store.template at<Own>(block)->entry.load(std::memory_order_relaxed) == entry;
  }

  // After a death of who held get_lock, for each entry that is free: what `block` names may have
  // been on its way in or out. Nobody has allocated since.
  template <class Store>
  static void settle_block(Store& store, uint64_t at, Entry& e) noexcept {
    uint64_t b = e.block.load(std::memory_order_relaxed);
    if (b == 0) {
      return;
    }
    if (is_own(store, b, 0)) {
      store.template at<Own>(b)->entry.store(at, std::memory_order_release);
    } else if (!is_own(store, b, at)) {
      e.block.store(0, std::memory_order_relaxed);
    }
  }
  // The same for the page that comes next; and everybody looks through the entries once more.
  template <class Store>
  void settle_pages(Store& store) noexcept {
    Atomic<uint64_t>& intent = page_intent(store);
    uint64_t p = intent.load(std::memory_order_relaxed);
    if (p != 0 && !store.is_lease(p)) {
      intent.store(0, std::memory_order_relaxed);
    }
    seen.store(returns.load(std::memory_order_seq_cst) - 1, std::memory_order_relaxed);
  }

  // -- For the destroyer --

  // Calls `see` for each block that may be a part of the table.
  template <class Store, class See>
  void each_block(Store& store, const See& see) noexcept {
    each(store, [&](uint64_t, Entry& e) {
      if (uint64_t b = e.block.load(std::memory_order_relaxed); b != 0) {
        see(b);
      }
    });
    for (uint64_t p = pages.load(std::memory_order_relaxed); p != 0 && store.is_lease(p);
         p = store.template at<Page>(p)->next.load(std::memory_order_relaxed)) {
      see(p);
    }
  }

 private:
  static constexpr uint64_t offset_in_page(uint32_t i) noexcept {
    return 64 + uint64_t{i} * sizeof(Entry);
  }

  template <class Store>
  static bool keeps_block(Store& store, Entry& e) noexcept {
    uint64_t b = e.block.load(std::memory_order_relaxed);
    return store.is_lease(b) && store.segment_size(b) <= Own::kKept;
  }

  // The word that names, or will name, the page after the last one that is in use.
  template <class Store>
  Atomic<uint64_t>& page_intent(Store& store) noexcept {
    Atomic<uint64_t>* intent = &pages;
    for (uint32_t left = used.load(std::memory_order_relaxed); left != 0;
         left -= std::min(left, Page::kEntries)) {
      intent = &store.template at<Page>(intent->load(std::memory_order_relaxed))->next;
    }
    return *intent;
  }

  template <class Store>
  uint64_t offset_of(Store& store, uint32_t number) noexcept {
    uint64_t p = pages.load(std::memory_order_relaxed);
    for (; number >= Page::kEntries; number -= Page::kEntries) {
      p = store.template at<Page>(p)->next.load(std::memory_order_relaxed);
    }
    return p + offset_in_page(number);
  }

  template <class Store, class TakeDown>
  uint64_t find_free(Store& store, const TakeDown& take_down) noexcept {
    uint32_t n = used.load(std::memory_order_relaxed);
    uint32_t i = cursor.load(std::memory_order_relaxed);
    for (uint32_t looks = std::min(n, kLook); looks != 0; --looks, ++i) {
      i = i < n ? i : 0;
      uint64_t at = offset_of(store, i);
      Entry& e = entry_at(store, at);
      // sync: lease.
      uint64_t w = e.word.load(std::memory_order_acquire);
      if (LeaseWord::is_done(w)) {
        take_down(at, e);
        w = 0;
      }
      if (w == 0) {
        // Who takes one after the other and is done with each uses one entry.
        cursor.store(i, std::memory_order_relaxed);
        return at;
      }
    }
    cursor.store(i, std::memory_order_relaxed);
    return 0;
  }

  template <class Store>
  uint64_t add_entry(Store& store) noexcept {
    uint32_t n = used.load(std::memory_order_relaxed);
    if (n % Page::kEntries == 0) {
      Atomic<uint64_t>& intent = page_intent(store);
      uint64_t p = intent.load(std::memory_order_relaxed);
      // Not 0: made by one who died before it was used.
      if (p == 0 && store.allocate_lease(sizeof(Page), intent) == 0) {
        return 0;
      }
    }
    used.store(n + 1, std::memory_order_release);
    return offset_of(store, n);
  }
};

static_assert(sizeof(LeaseTable<>) == 24);
static_assert(sizeof(LeaseTable<>::Page) == 4096);

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_LEASE_TABLE_H_
