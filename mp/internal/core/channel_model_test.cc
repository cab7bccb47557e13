// Every order of the steps of producers and consumers of a channel, with up to two of them killed.
// Segments hold one or two messages, so that nearly every message crosses into another; a freed
// segment is filled with garbage. What the explorer does not model: memory orders weaker than
// seq_cst, spinning, the inside of the allocator and of the family. MP_MODEL_LONG=1 runs the larger
// ones.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "mp/internal/core/channel_impl.h"
#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"

namespace mp::internal {
namespace {

using model::Outcome;
using model::Scenario;

constexpr int kBlocks = 6;
constexpr uint64_t kBlockSize = 192;
constexpr uint8_t kSegmentBlock = 1;
constexpr uint8_t kLeaseBlock = 2;
constexpr int kMostMessages = 4;  // of one producer that are leased

struct Message {
  uint64_t id;
  uint64_t complement;
};

template <class A>
struct Shared {
  Ring<A> ring;
  struct Block {
    std::byte bytes[kBlockSize];
  } blocks[kBlocks];
  uint8_t live[16];
  uint64_t block_size;
  uint64_t large_message;
  // Of each message that is leased: whether an acknowledgement has begun, or was true.
  enum Fate : uint8_t { kOpen, kAcknowledging, kAcknowledged };
  uint8_t fate[model::kMostActors + 1][kMostMessages + 1];
  // What the actors note, for the checks.
  uint8_t returned[model::kMostActors + 1];  // messages whose put has returned
  uint8_t last[model::kMostActors + 1];      // number of the last message seen of this producer
  uint8_t before[model::kMostActors + 1];    // the same before the current or last get
  uint8_t got[model::kMostActors + 1];       // messages this consumer got
  uint8_t getter;                            // who is, or was the last to be, inside a get
  uint8_t shut_down;                         // somebody was told of the end
  uint8_t inside[model::kMostActors + 1];    // this one is in a call
  uint8_t padding[16];
  // Of a pipe: the end that this actor holds, or 0.
  typename A::template Atomic<uint32_t> held[model::kMostActors + 1];
  LockWord<A> family_lock;
};

constexpr uint32_t kReadersEnd = 1;
constexpr uint32_t kWritersEnd = 2;

// What RingStore is in the library.
template <class A>
class ModelStore {
 public:
  ModelStore(Shared<A>& shared, Liveness& family) : shared_(&shared), family_(&family) {}

  template <class T>
  T* at(uint64_t offset) const noexcept {
    model::require(offset < sizeof(Shared<A>), "an offset that leads nowhere");
    return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(shared_) + offset);
  }
  bool is_segment(uint64_t s) const noexcept {
    model::before(model::Step::kAsk, nullptr);
    bool is = shared_->live[index(s)] == kSegmentBlock;
    model::saw(is);
    return is;
  }
  bool is_lease(uint64_t s) const noexcept {
    model::before(model::Step::kAsk, nullptr);
    bool is = shared_->live[index(s)] == kLeaseBlock;
    model::saw(is);
    return is;
  }
  uint64_t segment_size(uint64_t s) const noexcept {
    return shared_->live[index(s)] == kLeaseBlock ? kBlockSize : shared_->block_size;
  }
  uint64_t allocate_segment(uint64_t bytes, model::ModelAtomic<uint64_t>& intent) noexcept {
    model::require(bytes <= shared_->block_size, "a segment larger than planned");
    return allocate(kSegmentBlock, 32, intent);
  }
  uint64_t allocate_lease(uint64_t bytes, model::ModelAtomic<uint64_t>& intent) noexcept {
    model::require(bytes <= kBlockSize, "a block larger than planned");
    return allocate(kLeaseBlock, kBlockSize - 32, intent);
  }
  uint64_t allocate(uint8_t kind, size_t clear, model::ModelAtomic<uint64_t>& intent) noexcept {
    for (int i = 0; i < kBlocks; ++i) {
      if (shared_->live[i] != 0) {
        continue;
      }
      uint64_t s = offset(i);
      intent.store(s);
      model::before(model::Step::kStore, &shared_->live[i]);
      // The allocator has a lock, that of the others is another one: somebody may have been first.
      if (shared_->live[i] != 0) {
        continue;
      }
      std::memset(shared_->blocks[i].bytes, 0xdd, kBlockSize);
      std::memset(shared_->blocks[i].bytes + 32, 0, clear);
      shared_->live[i] = kind;
      return s;
    }
    model::require(false, "out of segments");
    return 0;
  }
  void free_segment(uint64_t s) noexcept {
    model::before(model::Step::kStore, &shared_->live[index(s)]);
    shared_->live[index(s)] = 0;
    std::memset(shared_->blocks[index(s)].bytes, 0xdd, kBlockSize);
  }
  uint64_t first_segment() const noexcept { return shared_->block_size; }
  uint64_t largest_segment() const noexcept { return shared_->block_size; }

  Liveness& liveness() const noexcept { return *family_; }
  Owner self() const noexcept { return model::self_owner(); }
  uint64_t large_message() const noexcept { return shared_->large_message; }
  void lease_carried(uint64_t) noexcept {}
  void unlease_carried(uint64_t) noexcept {}
  void end_carried(uint64_t) noexcept {}
  absl::Status no_memory(uint64_t) const { return unavailable(); }
  absl::Status note_in_transit(uint64_t, uint64_t, const model::ModelAtomic<uint64_t>&) {
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> deposit(int, uint64_t, const model::ModelAtomic<uint64_t>&) {
    return unavailable();
  }
  void forget_in_transit(uint64_t) noexcept {}
  void ring_bells() noexcept {}
  void message_taken() noexcept {}

  Owner holder_of(uint64_t end, Owner hint) const noexcept {
    if (hint && shared_->held[model::actor_of(hint)].load() == end) {
      return hint;
    }
    for (int i = 0; i < model::kMostActors; ++i) {
      if (shared_->held[i].load() == end) {
        return model::owner_of(i);
      }
    }
    return {};
  }
  void sweep(Owner dead) noexcept { let_go(model::actor_of(dead)); }
  void sweep_all() noexcept {
    for (int i = 0; i < model::kMostActors; ++i) {
      if (shared_->held[i].load() != 0 && family_->is_dead(model::owner_of(i))) {
        let_go(i);
      }
    }
  }
  // `actor` holds its end no more, as Family::release_entry() and what it calls do it.
  void let_go(int actor) noexcept {
    park_acquire(shared_->family_lock, self(), Deadline::never(), *family_);
    Ring<A>& ring = shared_->ring;
    uint32_t end = shared_->held[actor].load();
    bool is_last = true;
    for (int i = 0; i < model::kMostActors; ++i) {
      is_last = is_last && (i == actor || shared_->held[i].load() != end);
    }
    if (end != 0 && is_last) {
      ring.closed.fetch_or(1);
      notify(ring.items, kWakeAll);
      notify(ring.room, kWakeAll);
    }
    shared_->held[actor].store(0);
    if (end != 0 && !is_last && A::kBug != Bug::kLetGoUntold) {
      notify(end == kWritersEnd ? ring.items : ring.room, kWakeAll);
    }
    park_release(shared_->family_lock);
  }

 private:
  uint64_t offset(int i) const {
    return static_cast<uint64_t>(reinterpret_cast<std::byte*>(&shared_->blocks[i]) -
                                 reinterpret_cast<std::byte*>(shared_));
  }
  int index(uint64_t s) const noexcept {
    for (int i = 0; i < kBlocks; ++i) {
      if (offset(i) == s) {
        return i;
      }
    }
    model::require(false, "not a segment");
    return 0;
  }

  Shared<A>* shared_;
  Liveness* family_;
};

// What each actor does, letter by letter: p puts, q puts if there is room now, b puts a batch of
// two, B one of three; g gets, h gets what is there now, t gets until any time, m gets all that may
// be taken at once, x looks and leaves without a commit; s ends puts; c lets go of its end of a pipe.
// Of leases: l takes one and acknowledges it, L the same of what is there now, r takes one that is
// there now and gives it back, j joins, d sees to leases of the dead, as a sweep does.
struct Cast {
  std::vector<std::string> actors;
  // In a pipe: which end each actor holds, r or w.
  std::string ends = {};
  int kills = 0;
  int per_segment = 1;
  uint64_t maxsize = 0;
  uint64_t window = 0;
  bool slow_exit = false;
  // Who waits at one end of a pipe learns without a slice that the other end has no living holder.
  bool told_at_once = false;
  // Messages have a segment each, which a lease keeps.
  bool large = false;
  uint64_t most_states = 0;

  bool leases() const {
    for (const std::string& ops : actors) {
      if (ops.find_first_of("lLrj") != std::string::npos) {
        return true;
      }
    }
    return false;
  }
};

template <class A>
class Run {
 public:
  explicit Run(const Cast& cast) : cast_(cast), family_(true) {}

  Outcome explore(const char* name) {
    Scenario s;
    s.shared = &shared_;
    s.size = sizeof shared_;
    s.begin = [this] {
      shared_.block_size = 64 + 8 + 24 * static_cast<uint64_t>(cast_.per_segment);
      shared_.large_message = cast_.large ? 16 : 1 << 20;
      shared_.ring.maxsize = cast_.maxsize;
      shared_.ring.window = cast_.window;
      if (!cast_.ends.empty()) {
        shared_.ring.ends[Ring<A>::kReaders] = kReadersEnd;
        shared_.ring.ends[Ring<A>::kWriters] = kWritersEnd;
      }
      for (size_t i = 0; i < cast_.ends.size(); ++i) {
        shared_.held[i].set_raw(cast_.ends[i] == 'r' ? kReadersEnd : kWritersEnd);
      }
      ModelStore<A> store(shared_, family_);
      shared_.ring.start(store);
    };
    for (const std::string& ops : cast_.actors) {
      s.actors.push_back([this, &ops] {
        for (size_t i = 0; i < ops.size(); ++i) {
          model::forget(i);
          shared_.inside[model::self()] = 1;
          operate(ops[i]);
          shared_.inside[model::self()] = 0;
        }
      });
    }
    s.end = [this] { finish(); };
    s.may_stay = [this](int, const void* word) {
      const Ring<A>& r = shared_.ring;
      uint64_t got = r.got.raw();
      if (word == &r.items.seq) {
        auto* header = reinterpret_cast<const model::ModelAtomic<uint64_t>*>(
            reinterpret_cast<std::byte*>(&shared_) + r.head[got & 1].at.raw());
        return header->raw() == 0 && r.closed.raw() == 0 && !is_alone(kWritersEnd) &&
               r.leases.returns.raw() == r.leases.seen.raw();
      }
      if (word == &r.finished.seq) {
        return false;
      }
      return word == &r.room.seq && r.closed.raw() == 0 && !is_alone(kReadersEnd) &&
             (cast_.window != 0 || (r.put.raw() >> 1) - (got >> 1) >= cast_.maxsize);
    };
    // No slice is needed to learn that the other end is gone, unless the one who was told of it was
    // killed before it told the next.
    s.may_rest = [this] {
      if (!cast_.told_at_once) {
        return true;
      }
      for (size_t i = 0; i < cast_.ends.size(); ++i) {
        bool waits = shared_.inside[i] != 0 && !model::is_dying(static_cast<int>(i));
        if (waits && is_alone(cast_.ends[i] == 'r' ? kWritersEnd : kReadersEnd)) {
          return false;
        }
      }
      return true;
    };
    s.owns = [this](int actor, const void* at) {
      const Ring<A>& r = shared_.ring;
      const LockWord<A>* lock =
          at == &r.put || this->in(at, r.tail) ? &r.put_lock
          : at == &r.got || at == &r.oldest || at == &r.freeing || this->in(at, r.head)
              ? &r.get_lock
          : at == &r.leases.seen || at == &r.leases.pages || at == &r.leases.used ||
                  at == &r.leases.cursor
              ? &r.get_lock
              : nullptr;
      return lock != nullptr && LockWord<A>::owner_of(lock->word.raw()) == model::owner_of(actor);
    };
    s.kills = cast_.kills;
    s.most_states = cast_.most_states;
    s.slow_exit = cast_.slow_exit;
    Ring<A>& r = shared_.ring;
    s.names = {{&r.put_lock.word, "put_lock.word"},
               {&r.put_lock.sleepers, "put_lock.sleepers"},
               {&r.put, "put"},
               {&r.tail, "tail"},
               {&r.get_lock.word, "get_lock.word"},
               {&r.get_lock.sleepers, "get_lock.sleepers"},
               {&r.got, "got"},
               {&r.head, "head"},
               {&r.oldest, "oldest"},
               {&r.items, "items"},
               {&r.closed, "closed"},
               {&r.freeing, "freeing"},
               {&r.leases, "leases"},
               {&r.finished, "finished"},
               {&r.lessees, "lessees"},
               {&r.room, "room"},
               {&shared_.live, "live"}};
    for (int i = 0; i < kBlocks; ++i) {
      s.names.emplace_back(&shared_.blocks[i], "segment " + std::to_string(i));
    }
    Outcome o = model::explore(s);
    model::report(name, o);
    return o;
  }

 private:
  using Store = ModelStore<A>;

  Channel<A, Store> channel() { return Channel<A, Store>(Store(shared_, family_), 0); }

  // Whether nobody who lives holds the end `other` of the pipe.
  bool is_alone(uint32_t other) {
    for (int i = 0; i < model::kMostActors; ++i) {
      if (shared_.held[i].raw() == other && !model::is_dying(i)) {
        return false;
      }
    }
    return !cast_.ends.empty();
  }

  template <class T>
  static bool in(const void* at, const T& thing) {
    return at >= &thing && at < &thing + 1;
  }

  void fill(std::byte* at, int number) {
    model::require(at != nullptr, "a put found no place");
    Message m;
    m.id = static_cast<uint64_t>(model::self() * 16 + number);
    m.complement = ~m.id;
    if (A::kBug == Bug::kPublishBeforeCopy) {
      model::pause();
    }
    std::memcpy(at, &m, sizeof m);
  }

  void operate(char op) {
    Channel<A, Store> c = channel();
    int me = model::self();
    switch (op) {
      case 'p':
      case 'q':
      case 'b':
      case 'B': {
        int count = op == 'b' ? 2 : op == 'B' ? 3 : 1;
        ChannelWriter<A, Store> w(c);
        absl::Status s = w.open(op == 'q' ? Deadline::past() : Deadline::never());
        if (!s.ok()) {
          model::require(op == 'q' || absl::IsCancelled(s), "a put failed");
          return;
        }
        for (int i = 0; i < count; ++i) {
          fill(w.add(sizeof(Message)), shared_.returned[me] + 1 + i);
        }
        w.publish();
        shared_.returned[me] = static_cast<uint8_t>(shared_.returned[me] + count);
        break;
      }
      case 'g':
      case 'h':
      case 't':
      case 'm':
      case 'x':
        get(c, op);
        break;
      case 's':
        shared_.ring.closed.fetch_or(ChannelState::kNoPuts);
        notify(shared_.ring.items, kWakeAll);
        notify(shared_.ring.room, kWakeAll);
        break;
      case 'c':
        Store(shared_, family_).let_go(me);
        break;
      case 'l':
      case 'L':
      case 'r':
        lease(c, op);
        break;
      case 'd':
        ChannelLeases<A, Store>(c).return_of_dead();
        break;
      case 'j':
        model::require(ChannelLeases<A, Store>(c).join(Deadline::never()), "a join gave up");
        // It has put everything.
        for (int n = 1; n <= shared_.returned[me]; ++n) {
          model::require(shared_.fate[me][n] != Shared<A>::kOpen, "a join did not wait");
        }
        break;
    }
  }

  // Under the consumers' lock: the message is the next one of its producer.
  void look(ChannelReader<A, Store>& r, bool first, Message* m) {
    model::require(r.message().size() == sizeof(Message), "a wrong size");
    std::memcpy(m, r.message().data(), sizeof *m);
    model::require(m->id == ~m->complement, "a torn message");
    size_t producer = (m->id / 16) % (model::kMostActors + 1);
    uint8_t number = m->id % 16;
    if (first) {
      if (number != shared_.last[producer] + 1) {
        // The getter before was killed before its commit: what it saw comes again.
        model::require(model::is_dying(shared_.getter), "out of order, lost or twice");
        std::memcpy(shared_.last, shared_.before, sizeof shared_.last);
      }
      std::memcpy(shared_.before, shared_.last, sizeof shared_.last);
      shared_.getter = static_cast<uint8_t>(model::self());
    }
    model::require(number == shared_.last[producer] + 1, "out of order, lost or twice");
    shared_.last[producer] = number;
  }

  // Whose message it is, and which.
  uint8_t* fate_of(const std::byte* bytes) {
    Message m;
    std::memcpy(&m, bytes, sizeof m);
    model::require(m.id == ~m.complement, "a torn message");
    uint8_t* fate = &shared_.fate[(m.id / 16) % (model::kMostActors + 1)][m.id % 16];
    model::require(*fate != Shared<A>::kAcknowledged, "an acknowledged message came back");
    return fate;
  }

  void lease(Channel<A, Store>& c, char op) {
    typename Ring<A>::Leased leased;
    {
      ChannelReader<A, Store> r(c);
      absl::Status s = r.open(op == 'l' ? Deadline::never() : Deadline::past());
      if (!s.ok()) {
        model::require(op != 'l' || absl::IsCancelled(s), "a get failed");
        return;
      }
      leased = r.lease(false);
      model::require(leased.entry != 0, "no memory for a lease");
    }
    uint8_t* fate = fate_of(c.ring->lease_bytes(c.store, leased.entry));
    ChannelLeases<A, Store> leases(c);
    if (op == 'r') {
      model::require(leases.give_back(leased), "a lease was not given back");
      return;
    }
    *fate = Shared<A>::kAcknowledging;
    model::require(leases.acknowledge(leased), "a lease was not acknowledged");
    *fate = Shared<A>::kAcknowledged;
  }

  void get(Channel<A, Store>& c, char op) {
    ChannelReader<A, Store> r(c);
    absl::Status s = r.open(op == 'h'                ? Deadline::past()
                            : op == 't' || op == 'x' ? model::any_time()
                                                     : Deadline::never());
    if (!s.ok()) {
      model::require(absl::IsCancelled(s) || op == 'h' || op == 't' || op == 'x', "a get failed");
      if (absl::IsCancelled(s)) {
        shared_.shut_down = 1;
        // Whoever is told of the end has missed nothing.
        for (size_t i = 0; i < cast_.actors.size(); ++i) {
          model::require(cast_.kills != 0 || shared_.returned[i] <= shared_.last[i],
                         "a message was put before the end, and not seen by who was told of it");
        }
      }
      return;
    }
    if (A::kBug == Bug::kCommitBeforeCopyOut) {
      model::pause();
    }
    Message m[4];
    int n = 0;
    look(r, true, &m[n++]);
    if (op == 'x') {
      // It stays for others.
      std::memcpy(shared_.last, shared_.before, sizeof shared_.last);
      return;
    }
    while (op == 'm' && n < 4 && r.next()) {
      look(r, false, &m[n++]);
    }
    r.commit();
    shared_.got[model::self()] = static_cast<uint8_t>(shared_.got[model::self()] + n);
  }

  // All live segments are in the chain, each once: what a destroyer relies on.
  void check_chain() {
    Store store(shared_, family_);
    int seen[kBlocks] = {};
    int steps = 0;
    shared_.ring.each_segment(store, [&](uint64_t s) {
      for (int i = 0; i < kBlocks; ++i) {
        seen[i] += reinterpret_cast<std::byte*>(&shared_.blocks[i]) ==
                   reinterpret_cast<std::byte*>(&shared_) + s;
      }
      model::require(++steps <= kBlocks, "the chain of segments does not end");
    });
    for (int i = 0; i < kBlocks; ++i) {
      bool is_segment = shared_.live[i] == kSegmentBlock;
      model::require(cast_.leases() || seen[i] == is_segment,
                     "a segment was lost, or is in the chain twice");
    }
    shared_.ring.leases.each_block(store, [&](uint64_t b) {
      for (int i = 0; i < kBlocks; ++i) {
        seen[i] += reinterpret_cast<std::byte*>(&shared_.blocks[i]) ==
                   reinterpret_cast<std::byte*>(&shared_) + b;
      }
    });
    for (int i = 0; i < kBlocks; ++i) {
      model::require(seen[i] != 0 || shared_.live[i] == 0, "a block was lost");
    }
  }

  // All leases have ended, or come back now.
  void finish_leases() {
    Channel<A, Store> c = channel();
    // As the sweep of the last one who died does.
    ChannelLeases<A, Store>(c).return_of_dead();
    for (;;) {
      ChannelReader<A, Store> r(c);
      if (!r.open(Deadline::past()).ok()) {
        break;
      }
      uint8_t* fate = fate_of(r.message().data());
      r.commit();
      *fate = Shared<A>::kAcknowledged;
    }
    for (size_t i = 0; i < cast_.actors.size(); ++i) {
      for (int n = 1; n <= shared_.returned[i]; ++n) {
        model::require(shared_.fate[i][n] != Shared<A>::kOpen, "a message was lost");
      }
    }
    model::require(shared_.ring.size() == 0, "an empty channel has a size");
    model::require(ChannelLeases<A, Store>(c).finished(), "nothing is there, and not finished");
    check_chain();
  }

  void finish() {
    check_chain();
    Channel<A, Store> c = channel();
    {
      ChannelWriter<A, Store> w(c);
      absl::Status s = w.open(Deadline::past());
      model::require(s.ok() || absl::IsCancelled(s) || cast_.maxsize != 0, "the channel is stuck");
    }
    if (cast_.leases()) {
      finish_leases();
      return;
    }
    uint64_t size = shared_.ring.size();
    uint64_t n = 0;
    for (;; ++n) {
      ChannelReader<A, Store> r(c);
      if (!r.open(Deadline::past()).ok()) {
        break;
      }
      Message m;
      look(r, true, &m);
      r.commit();
    }
    model::require(n == size, "the channel's size was wrong");
    model::require(shared_.ring.size() == 0, "an empty channel has a size");
    for (size_t i = 0; i < cast_.actors.size(); ++i) {
      // The last one put may have died with its getter, which had seen it then.
      model::require(shared_.last[i] >= shared_.returned[i], "a message was lost");
      model::require(cast_.kills != 0 || shared_.last[i] == shared_.returned[i],
                     "a message from nowhere");
      if (cast_.kills == 0) {
        size_t gets = 0;
        for (char op : cast_.actors[i]) {
          gets += op == 'g';
        }
        model::require(shared_.got[i] >= gets || shared_.shut_down != 0, "a get got nothing");
      }
    }
    check_chain();
  }

  alignas(64) static inline Shared<A> shared_;
  const Cast& cast_;
  model::ModelFamily family_;
};

template <class A = model::ModelAtomics<>>
std::string run(const char* name, const Cast& cast) {
  return Run<A>(cast).explore(name).violation;
}

template <Bug B>
std::string violation_with(const Cast& cast) {
  std::string v = run<model::ModelAtomics<B>>("planted bug", cast);
  return v.substr(0, v.find('\n'));
}

TEST(ChannelModel, OneActorAlone) {
  EXPECT_EQ(run("ppgg", {.actors = {"ppgg"}}), "");
  EXPECT_EQ(run("pBpmgmgh", {.actors = {"pBpmgmgh"}}), "");
  EXPECT_EQ(run("pBpmgmgh, 1 kill", {.actors = {"pBpmgmgh"}, .kills = 1}), "");
}

TEST(ChannelModel, NothingIsLostWithoutDeaths) {
  EXPECT_EQ(run("pp gg", {.actors = {"pp", "gg"}}), "");
  EXPECT_EQ(run("p p gg", {.actors = {"p", "p", "gg"}}), "");
  EXPECT_EQ(run("p p hh", {.actors = {"p", "p", "hh"}}), "");
  EXPECT_EQ(run("Bp ggg", {.actors = {"Bp", "ggg"}}), "");
}

TEST(ChannelModel, AFullChannelWakesItsProducers) {
  EXPECT_EQ(run("pp gg, maxsize 1", {.actors = {"pp", "gg"}, .maxsize = 1}), "");
  EXPECT_EQ(run("ppp ggg, window 2", {.actors = {"ppp", "ggg"}, .window = 2}), "");
}

TEST(ChannelModel, WhoIsToldOfTheEndHasMissedNothing) {
  EXPECT_EQ(run("p s gg", {.actors = {"p", "s", "gg"}}), "");
}

TEST(ChannelModel, OneOrTwoDeathsTearLoseAndDoubleNothing) {
  EXPECT_EQ(run("pp gg, 2 kills", {.actors = {"pp", "gg"}, .kills = 2}), "");
  EXPECT_EQ(run("ppp hhh, 2 kills", {.actors = {"ppp", "hhh"}, .kills = 2}), "");
  EXPECT_EQ(run("p p h, 2 kills", {.actors = {"p", "p", "h"}, .kills = 2}), "");
  EXPECT_EQ(run("pp gg, maxsize 1, 2 kills", {.actors = {"pp", "gg"}, .kills = 2, .maxsize = 1}),
            "");
  EXPECT_EQ(run("ppp mm, 2 kills", {.actors = {"ppp", "mm"}, .kills = 2}), "");
}

TEST(ChannelModel, BatchesOverSeveralSegmentsSurviveTheDeathOfTheRecoverer) {
  EXPECT_EQ(run("B ggg, 2 kills", {.actors = {"B", "ggg"}, .kills = 2}), "");
  EXPECT_EQ(run("bB mghh, 2 per segment, 2 kills",
                {.actors = {"bB", "mghh"}, .kills = 2, .per_segment = 2}),
            "");
  EXPECT_EQ(run("b b hh, 2 kills", {.actors = {"b", "b", "hh"}, .kills = 2}), "");
}

// One death: with two, the only one who was woken of the first may die before it tells the others.
TEST(ChannelModel, WhoReadsFromAPipeLearnsAtOnceThatTheOtherEndIsGone) {
  EXPECT_EQ(run("pipe: pc gg", {.actors = {"pc", "gg"}, .ends = "wr"}), "");
  EXPECT_EQ(run("pipe: pc gg, 1 kill",
                {.actors = {"pc", "gg"}, .ends = "wr", .kills = 1, .told_at_once = true}),
            "");
  EXPECT_EQ(run("pipe: c g, 1 slow kill", {.actors = {"c", "g"},
                                           .ends = "wr",
                                           .kills = 1,
                                           .slow_exit = true,
                                           .told_at_once = true}),
            "");
  EXPECT_EQ(run("pipe: c c g, 1 kill",
                {.actors = {"c", "c", "g"}, .ends = "wwr", .kills = 1, .told_at_once = true}),
            "");
}

TEST(ChannelModel, WhoWritesToAFullPipeLearnsAtOnceThatTheOtherEndIsGone) {
  EXPECT_EQ(run("pipe: pp gc, maxsize 1", {.actors = {"pp", "gc"}, .ends = "wr", .maxsize = 1}),
            "");
  EXPECT_EQ(
      run("pipe: pp gc, maxsize 1, 1 kill",
          {.actors = {"pp", "gc"}, .ends = "wr", .kills = 1, .maxsize = 1, .told_at_once = true}),
      "");
}

TEST(ChannelModel, FindsAHolderThatLetsGoAndTellsNobody) {
  EXPECT_EQ(violation_with<Bug::kLetGoUntold>(
                {.actors = {"c", "c", "g"}, .ends = "wwr", .kills = 1, .told_at_once = true}),
            "asleep for ever: 2 on items+0");
}

TEST(ChannelModel, LeasesComeBackOnceOrAreAcknowledged) {
  EXPECT_EQ(run("ppLrL", {.actors = {"ppLrL"}}), "");
  EXPECT_EQ(run("p l", {.actors = {"p", "l"}}), "");
  EXPECT_EQ(run("pp ll", {.actors = {"pp", "ll"}}), "");
  EXPECT_EQ(run("ppLrL, large", {.actors = {"ppLrL"}, .large = true}), "");
  EXPECT_EQ(run("pp ll, large", {.actors = {"pp", "ll"}, .large = true}), "");
}

TEST(ChannelModel, LeasesOfTheDeadComeBack) {
  EXPECT_EQ(run("ppLrL, 1 kill", {.actors = {"ppLrL"}, .kills = 1}), "");
  EXPECT_EQ(run("ppLrL, large, 1 kill", {.actors = {"ppLrL"}, .kills = 1, .large = true}), "");
  EXPECT_EQ(run("pL L, 2 kills", {.actors = {"pL", "L"}, .kills = 2}), "");
  EXPECT_EQ(run("pL L, large, 2 kills", {.actors = {"pL", "L"}, .kills = 2, .large = true}), "");
  EXPECT_EQ(run("pr r, 2 kills", {.actors = {"pr", "r"}, .kills = 2}), "");
  EXPECT_EQ(run("p l, 1 kill", {.actors = {"p", "l"}, .kills = 1}), "");
  EXPECT_EQ(run("pL dL, 2 kills", {.actors = {"pL", "dL"}, .kills = 2}), "");
}

TEST(ChannelModel, WhoJoinsWaitsForWhatIsLeased) {
  EXPECT_EQ(run("pj l", {.actors = {"pj", "l"}}), "");
  EXPECT_EQ(run("ppj ll", {.actors = {"ppj", "ll"}}), "");
}

TEST(ChannelModel, FindsALeaseThatIsNamedAfterItsCommit) {
  EXPECT_EQ(violation_with<Bug::kLeaseAfterCommit>({.actors = {"pL"}, .kills = 1}),
            "a message was lost");
}

TEST(ChannelModel, FindsABlockThatGoesBeforeItsAcknowledgement) {
  EXPECT_EQ(violation_with<Bug::kFreeBeforeAcknowledge>({.actors = {"pL"}, .kills = 1}),
            "a torn message");
}

TEST(ChannelModel, FindsAReturnThatNobodyIsToldOf) {
  EXPECT_EQ(violation_with<Bug::kReturnUntold>({.actors = {"pr"}, .kills = 1}),
            "a message was lost");
}

TEST(ChannelModel, LongRuns) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(run("p r l", {.actors = {"p", "r", "l"}}), "");
  EXPECT_EQ(run("pj r l", {.actors = {"pj", "r", "l"}}), "");
  EXPECT_EQ(run("p x g", {.actors = {"p", "x", "g"}}), "");
  EXPECT_EQ(run("p x g, 1 kill", {.actors = {"p", "x", "g"}, .kills = 1}), "");
  EXPECT_EQ(run("p p gg, 2 kills", {.actors = {"p", "p", "gg"}, .kills = 2}), "");
  EXPECT_EQ(run("p p gg, maxsize 1", {.actors = {"p", "p", "gg"}, .maxsize = 1}), "");
  EXPECT_EQ(run("pp s gg, maxsize 1", {.actors = {"pp", "s", "gg"}, .maxsize = 1}), "");
  EXPECT_EQ(run("B p mh, 2 kills", {.actors = {"B", "p", "mh"}, .kills = 2}), "");
  EXPECT_EQ(run("ppp ggg, window 2, 1 kill", {.actors = {"ppp", "ggg"}, .kills = 1, .window = 2}),
            "");
  EXPECT_EQ(run("pipe: c c g, 2 kills", {.actors = {"c", "c", "g"}, .ends = "wwr", .kills = 2}),
            "");
  EXPECT_EQ(run("pipe: c g g, 1 kill",
                {.actors = {"c", "g", "g"}, .ends = "wrr", .kills = 1, .told_at_once = true}),
            "");
  EXPECT_EQ(run("pp g g", {.actors = {"pp", "g", "g"}, .most_states = 100'000'000}), "");
  EXPECT_EQ(
      run("pp hh q, 1 kill", {.actors = {"pp", "hh", "q"}, .kills = 1, .most_states = 100'000'000}),
      "");
  // Not to its end, which nobody has seen.
  EXPECT_EQ(run("pr l", {.actors = {"pr", "l"}, .most_states = 20'000'000}), "");
}

TEST(ChannelModel, FindsAPublishBeforeTheCopy) {
  EXPECT_EQ(violation_with<Bug::kPublishBeforeCopy>({.actors = {"p", "g"}}), "a torn message");
}

TEST(ChannelModel, FindsACommitBeforeTheCopyOut) {
  EXPECT_EQ(violation_with<Bug::kCommitBeforeCopyOut>({.actors = {"p", "h"}, .kills = 1}),
            "a message was lost");
}

TEST(ChannelModel, FindsARecoveryThatCountsTwice) {
  EXPECT_EQ(violation_with<Bug::kRecoveryNotIdempotent>({.actors = {"p", "p"}, .kills = 2}),
            "the channel's size was wrong");
}

}  // namespace
}  // namespace mp::internal
