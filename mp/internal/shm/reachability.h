// mp/internal/shm/reachability.h
//
// Reachability: which objects of a family somebody can still get at, and the end of those that nobody can. Two tables
// say it: per process the objects it holds, and the handles that messages carry.
//
// Safety   All with the reference lock (family_lock) held, but write().
// Entries  Written before what they speak of can happen, cleared after the object is dealt with: they may only
//          over-estimate. A process's are written without the lock, by itself or, before it exists, by who makes it; they
//          disappear under the lock alone. A receiver writes its own before it commits the receive: so a scan that reads
//          the messages first and the lists second misses nothing.
// Death    Each step leaves entries that over-estimate. An object that is marked as dying is still named by the entry
//          that led there, and who clears that one for the dead goes the same way again.

#ifndef MP_INTERNAL_SHM_REACHABILITY_H_
#define MP_INTERNAL_SHM_REACHABILITY_H_

#include <atomic>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/sync/atomics.h"

namespace mp::internal {

// A handle inside message `seq` of `channel`, until the channel's number of received messages is above `seq`.
template <class A = RealAtomics>
struct TransitEntry {
  using Word = typename A::template Atomic<uint64_t>;
  Word object;  // 0: free; cleared before the others change and stored after them
  Word channel;
  Word seq;
  Word
      received;  // offset of the channel's count of received messages, shifted left by one; or kLeased
};

// Stands for the count of received messages of one that was taken as a lease: it is in transit until it is ended.
inline constexpr uint64_t kLeased = ~uint64_t{0};

// `Store` is where the tables and the objects are:
//   Word& word_at(offset);  BlockOf<A>& block(object)
//   each_entry(slot, see): the list of a slot, until `see` returns false
//   bool each_transit(see): the messages' entries, until `see` returns false, which it then returns
//   uint32_t slots_used();  bool may_hold(slot): it is or was somebody's, and not swept
//   bool has_name(object): a name keeps it
//   void destroy_parts(object, redo): what is freed before it; `redo` after a death midway
//   void free(object);  void let_go(object): a process holds it no more, and others do
//   absl::StatusOr<TransitEntry<A>*> add_transit(): one more free entry
template <class A, class Store>
class Reachability {
 public:
  using Word = typename A::template Atomic<uint64_t>;
  using Transit = TransitEntry<A>;

  explicit Reachability(Store store) noexcept : store_(store) {}

  // A process holds `object` from now on; `entry` is a free one of its list. Without the lock; for oneself before the
  // receive of a message that carries it is committed, for a process in the making before that one runs.
  void write(Word& entry, uint64_t object) noexcept {
    mark_shared(object);
    // sync: held (pairs with listed).
    entry.store(object, std::memory_order_seq_cst);
  }

  // Clears an entry, and frees its object if nothing else names it. `certain`: the entry is the caller's own, so that
  // an object never shared needs no scan.
  void release(Word& entry, bool certain) noexcept {
    uint64_t object = entry.load(std::memory_order_relaxed);
    if constexpr (A::kBug == Bug::kClearEntryBeforeFree) {
      entry.store(0, std::memory_order_release);
    }
    BlockOf<A>& b = store_.block(object);
    // After a death in the middle of an allocation the entry may name a block that is free, or somebody else's by now.
    bool live = b.state.load(std::memory_order_acquire) == Block::kLive &&
                b.link.load(std::memory_order_relaxed) == 0;
    bool unshared = certain && (b.flags.load(std::memory_order_relaxed) & Block::kShared) == 0;
    if (live && (unshared || !named(object, &entry))) {
      destroy(object);
      live = false;
    }
    // sync: held (pairs with holder_of): cleared before anybody is told. And not before destroy() is done: who finds no
    // holder is not kept waiting for one.
    entry.store(0, std::memory_order_seq_cst);
    if (live) {
      store_.let_go(object);
    }
  }

  // Whether its name keeps the object, or an entry other than `except`, and not inside a channel being freed.
  bool named(uint64_t object, const Word* except) noexcept {
    return store_.has_name(object) || listed(object, except);
  }

  // The same without names.
  bool listed(uint64_t object, const Word* except) noexcept {
    if constexpr (A::kBug == Bug::kListsBeforeMessages) {
      return held(object, except) || carried(object, except);
    }
    return carried(object, except) || held(object, except);
  }

  // Message `seq` of `channel` carries `object`. With the producers' lock too; before the message is published.
  absl::Status note(uint64_t object, uint64_t channel, uint64_t seq, uint64_t received) noexcept {
    Transit* found = nullptr;
    store_.each_transit([&](Transit& entry) {
      if (entry.object.load(std::memory_order_relaxed) == 0 || !in_transit(entry)) {
        found = &entry;
      }
      return found == nullptr;
    });
    if (found == nullptr) {
      absl::StatusOr<Transit*> added = store_.add_transit();
      if (!added.ok()) {
        return added.status();
      }
      found = *added;
    }
    found->object.store(0, std::memory_order_relaxed);
    // The old message's object may not be seen with the new message's number.
    std::atomic_thread_fence(std::memory_order_release);
    found->channel.store(channel, std::memory_order_relaxed);
    found->seq.store(seq, std::memory_order_relaxed);
    found->received.store(received, std::memory_order_relaxed);
    mark_shared(object);
    // sync: in-transit: stored last, so that no scan sees half an entry.
    found->object.store(object, std::memory_order_release);
    return absl::OkStatus();
  }

  // Messages of `channel` from `from` on were never published. With the producers' lock too.
  void forget(uint64_t channel, uint64_t from) noexcept {
    store_.each_transit([&](Transit& entry) {
      uint64_t object = entry.object.load(std::memory_order_relaxed);
      if (object != 0 && entry.channel.load(std::memory_order_relaxed) == channel &&
          entry.seq.load(std::memory_order_relaxed) >= from) {
        release_carried(entry, object);
      }
      return true;
    });
  }

  // Message `seq` of `channel` is about to be received as a lease: it names what it carries until end().
  void lease(uint64_t channel, uint64_t seq) noexcept {
    each_of(channel, [&](Transit& entry) {
      if (entry.seq.load(std::memory_order_relaxed) == seq && in_transit(entry)) {
        entry.received.store(kLeased, std::memory_order_relaxed);
      }
    });
  }
  // Messages from `from` on were not received that way after all; `received` is the offset of the count.
  void unlease(uint64_t channel, uint64_t from, uint64_t received) noexcept {
    each_of(channel, [&](Transit& entry) {
      if (entry.seq.load(std::memory_order_relaxed) >= from) {
        entry.received.store(received, std::memory_order_relaxed);
      }
    });
  }
  // Message `seq`, which was leased, is done with.
  void end(uint64_t channel, uint64_t seq) noexcept {
    each_of(channel, [&](Transit& entry) {
      if (entry.seq.load(std::memory_order_relaxed) == seq &&
          entry.received.load(std::memory_order_relaxed) == kLeased) {
        release_carried(entry, entry.object.load(std::memory_order_relaxed));
      }
    });
  }

  // The channel of each entry whose message was not received, published or not, but of none that is being freed.
  template <class See>
  void each_channel_in_transit(const See& see) noexcept {
    store_.each_transit([&](Transit& entry) {
      if (entry.object.load(std::memory_order_relaxed) != 0) {
        uint64_t channel = entry.channel.load(std::memory_order_relaxed);
        if (!is_dying(channel) && in_transit(entry)) {
          see(channel);
        }
      }
      return true;
    });
  }

 private:
  template <class See>
  void each_of(uint64_t channel, const See& see) noexcept {
    store_.each_transit([&](Transit& entry) {
      if (entry.object.load(std::memory_order_relaxed) != 0 &&
          entry.channel.load(std::memory_order_relaxed) == channel) {
        see(entry);
      }
      return true;
    });
  }

  // Its message, published or not, was not received.
  bool in_transit(const Transit& entry) noexcept {
    if (entry.received.load(std::memory_order_relaxed) == kLeased) {
      return true;
    }
    Word& received = store_.word_at(entry.received.load(std::memory_order_relaxed));
    return received.load(std::memory_order_seq_cst) >> 1 <=
           entry.seq.load(std::memory_order_relaxed);
  }

  void mark_shared(uint64_t object) noexcept {
    store_.block(object).flags.fetch_or(Block::kShared, std::memory_order_relaxed);
  }

  bool carried(uint64_t object, const Word* except) noexcept {
    return !store_.each_transit([&](Transit& entry) {
      if (entry.object.load(std::memory_order_acquire) != object || &entry.object == except) {
        return true;
      }
      uint64_t channel = entry.channel.load(std::memory_order_relaxed);
      return channel == object || is_dying(channel) || !in_transit(entry);
    });
  }

  bool held(uint64_t object, const Word* except) noexcept {
    uint32_t used = store_.slots_used();
    bool found = false;
    for (uint32_t i = 1; i <= used && !found; ++i) {
      if (store_.may_hold(i)) {
        store_.each_entry(i, [&](Word& entry) {
          // sync: held.
          found = &entry != except && entry.load(std::memory_order_seq_cst) == object;
          return !found;
        });
      }
    }
    return found;
  }

  bool is_dying(uint64_t object) noexcept {
    return (store_.block(object).flags.load(std::memory_order_relaxed) & Block::kDying) != 0;
  }

  // Frees an object, what its undelivered messages carry, what theirs carry: that may be a long chain, so the way back is
  // kept here, not on the stack. The entry that led to an object goes after it: killed in between, this is done again.
  void destroy(uint64_t object) noexcept {
    struct Level {
      uint64_t object;
      Transit* led_here;  // the first one's is its caller's
    };
    absl::InlinedVector<Level, 4> way;
    auto enter = [&](uint64_t o, Transit* led_here) {
      uint32_t flags = store_.block(o).flags.fetch_or(Block::kDying, std::memory_order_relaxed);
      store_.destroy_parts(o, (flags & Block::kDying) != 0);
      way.push_back({o, led_here});
    };
    enter(object, nullptr);
    while (!way.empty()) {
      const Level level = way.back();
      Transit* next = nullptr;
      store_.each_transit([&](Transit& entry) {
        uint64_t inside = entry.object.load(std::memory_order_relaxed);
        if (inside != 0 && entry.channel.load(std::memory_order_relaxed) == level.object) {
          if (is_last_to_name(entry, inside)) {
            next = &entry;
            return false;
          }
          entry.object.store(0, std::memory_order_release);
        }
        return true;
      });
      if (next != nullptr) {
        enter(next->object.load(std::memory_order_relaxed), next);
        continue;
      }
      way.pop_back();
      store_.free(level.object);
      if (level.led_here != nullptr) {
        level.led_here->object.store(0, std::memory_order_release);
      }
    }
  }

  // Whether nothing but this entry, of a message that nobody will receive, names the object.
  bool is_last_to_name(Transit& entry, uint64_t object) noexcept {
    BlockOf<A>& b = store_.block(object);
    // An entry of a message that was received names nothing: the block may be anything by now. So may that of an object
    // that another message of a dying channel named too, and which is freed: part of something, or an object that is
    // named. One that is dying already was left by whoever died freeing it. It is none of those we are freeing: in a
    // circle the first to go would still be named by the one before it.
    return in_transit(entry) && object != entry.channel.load(std::memory_order_relaxed) &&
           b.state.load(std::memory_order_relaxed) == Block::kLive &&
           b.link.load(std::memory_order_relaxed) == 0 && !named(object, &entry.object);
  }

  void release_carried(Transit& entry, uint64_t object) noexcept {
    if (is_last_to_name(entry, object)) {
      destroy(object);
    }
    entry.object.store(0, std::memory_order_release);
  }

  Store store_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_REACHABILITY_H_
