// Every order of the steps of processes that send handles, receive them, drop them, fork and sweep, with up to two of them
// killed: no object is freed while somebody can get at it, each is freed once, none is left when nobody can, and nobody
// waits for ever. Reachability is the library's own. What surrounds it here has a step for each step of the library that
// others can see, and names the function it stands for; locks, queues and the allocator have models or tests of their own,
// and are the simplest that come back from a death. What the explorer does not model: memory orders weaker than seq_cst.
// MP_MODEL_LONG=1 runs the larger ones.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/shm/reachability.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {
namespace {

using model::Outcome;
using model::Scenario;
using model::Step;

constexpr int kObjects = 4;
constexpr int kEntries = 4;
constexpr int kTransits = 3;
constexpr int kProcesses = model::kMostActors + 1;  // the one that looks at the end included
constexpr int kSlots = kProcesses + 2;              // 1 ..; the last one may be a dead process's
constexpr int kMessages = 2;                        // of a channel, at a time

// Phases of a slot, as in layout.h; nobody here waits for an exit status.
constexpr uint64_t kFree = 0;
constexpr uint64_t kReserved = 1;
constexpr uint64_t kLive = 2;
constexpr uint64_t kPhase = 0xffffffff;
constexpr uint64_t pack(uint32_t generation, uint64_t phase) {
  return uint64_t{generation} << 32 | phase;
}

// What each process does, word by word. Objects and channels are numbers from 1.
//   p12  puts a handle to 2 into 1      g1  takes a message off 1, if there is one
//   d2   drops its handle to 2          c   makes an object; drops it again
//   k    makes an object and keeps it   f   forks: the process whose first word is * begins
//   w    sweeps all
// Nothing comes of a word that needs a handle which the process does not have.
struct Cast {
  std::vector<std::string> processes;
  std::vector<std::string> holds;  // what each holds at first
  int kills = 0;
  std::string dead = "";      // what a process holds that died before
  std::string sent = "";      // "12": a message of 1 carries 2, at first
  std::string killable = "";  // only these processes are killed; empty: any
  int entries = 3;            // of each list
  uint64_t most_states = 0;
};

template <class A>
struct Object {
  using Word = typename A::template Atomic<uint64_t>;
  BlockOf<A> block;
  // As a channel. A message can be received when its header says so; `put` counts it then.
  Word headers;
  Word put;
  Word got;  // << 1, as in the ring
  uint32_t put_lock;
  uint32_t get_lock;
  uint8_t carries[kMessages];  // by the number of the message
  uint8_t allocator;           // 1 + who has it in hand
  uint8_t padding[5];
};

// What is in the memory of one process.
struct Process {
  uint32_t self;  // Owner bits; 0: it does not exist yet
  uint8_t handles[kObjects + 1];
  uint8_t entry[kObjects + 1];  // 1 + the number of its entry
  uint8_t padding[2];
};

template <class A>
struct alignas(16) Shared {
  using Word = typename A::template Atomic<uint64_t>;
  Object<A> objects[kObjects];
  struct Slot {
    Word state;
    Word list[kEntries];
  } slots[kSlots];  // slot i is slots[i - 1]
  TransitEntry<A> transit[kTransits];
  Word slots_used;
  uint32_t family_lock;
  uint32_t unborn;  // the word that a child to be sleeps on
  Process processes[kProcesses];
  uint8_t certificate[kSlots];  // a bit per process that has it open
  uint8_t runs[kSlots];         // 1 + the process in that slot
  uint8_t exited;               // a bit per process that ended in order
  uint8_t padding[1];
};

constexpr uint32_t kDirty = 1u << 31;

constexpr char kTooEarly[] = "an object is freed that somebody can get at";
constexpr char kLeft[] = "an object is left that nobody can get at";

template <class A>
class Run {
 public:
  using Word = typename A::template Atomic<uint64_t>;

  explicit Run(const Cast& cast) : cast_(cast), count_(static_cast<int>(cast.processes.size())) {}

  Outcome explore(const char* name) {
    Scenario s;
    s.shared = &shared_;
    s.size = sizeof shared_;
    s.begin = [this] { begin(); };
    for (int i = 0; i < count_; ++i) {
      s.actors.push_back([this, i] { live(i); });
    }
    s.end = [this] { finish(); };
    s.kills = cast_.kills;
    s.may_kill = [this](int i) {
      return shared_.processes[i].self != 0 &&
             (cast_.killable.empty() ||
              cast_.killable.find(static_cast<char>('0' + i)) != std::string::npos);
    };
    s.owns = [this](int i, const void* at) { return this->owns(i, at); };
    s.most_states = cast_.most_states;
    s.names = {{&shared_.transit, "transit"},
               {&shared_.slots_used, "slots_used"},
               {&shared_.family_lock, "family_lock"},
               {&shared_.unborn, "unborn"}};
    for (int i = 0; i < kObjects; ++i) {
      s.names.emplace_back(&shared_.objects[i], "object " + std::to_string(i + 1));
      s.names.emplace_back(&shared_.objects[i].headers,
                           "object " + std::to_string(i + 1) + " headers");
    }
    for (int i = 0; i < kSlots; ++i) {
      s.names.emplace_back(&shared_.slots[i], "slot " + std::to_string(i + 1));
    }
    Outcome o = model::explore(s);
    model::report(name, o);
    return o;
  }

 private:
  // What Family::Tables is in the library.
  struct Store {
    Run* run;

    Word& word_at(uint64_t channel) const { return run->object(channel).got; }
    BlockOf<A>& block(uint64_t object) const { return run->object(object).block; }
    template <class See>
    void each_entry(uint32_t slot, const See& see) const {
      for (int i = 0; i < run->cast_.entries; ++i) {
        if (!see(run->slot(slot).list[i])) {
          return;
        }
      }
    }
    template <class See>
    bool each_transit(const See& see) const {
      for (auto& entry : run->shared_.transit) {
        if (!see(entry)) {
          return false;
        }
      }
      return true;
    }
    uint32_t slots_used() const { return static_cast<uint32_t>(run->shared_.slots_used.load()); }
    bool may_hold(uint32_t slot) const { return (run->slot(slot).state.load() & kPhase) != kFree; }
    bool has_name(uint64_t) const { return false; }
    void destroy_parts(uint64_t object, bool) const { run->require_unreachable(object); }
    // Arena::free.
    void let_go(uint64_t) const {}
    void free(uint64_t object) const {
      Word& received = run->object(object).got;
      model::before(Step::kStore, &received);
      run->require_unreachable(object);
      model::require(block(object).state.raw() == Block::kLive, "an object was freed twice");
      block(object).state.set_raw(Block::kFree);
    }
    absl::StatusOr<TransitEntry<A>*> add_transit() const {
      model::require(false, "more messages in transit than planned");
      return absl::Status();
    }
  };

  Reachability<A, Store> reachability() { return Reachability<A, Store>(Store{this}); }

  Object<A>& object(uint64_t o) {
    model::require(o >= 1 && o <= kObjects, "a handle that leads nowhere");
    return shared_.objects[o - 1];
  }
  auto& slot(uint32_t i) { return shared_.slots[i - 1]; }
  Process& me() { return shared_.processes[model::self()]; }
  Owner self() { return Owner{me().self}; }

  // -- What the test knows of the world, without steps --

  bool lives(int process) {
    return !model::is_dying(process) && (shared_.exited >> process & 1) == 0;
  }
  bool certified(uint32_t slot) {
    for (int i = 0; i < kProcesses; ++i) {
      if ((shared_.certificate[slot - 1] >> i & 1) != 0 && lives(i)) {
        return true;
      }
    }
    return false;
  }
  bool dead_now(Owner owner) {
    uint64_t state = slot(owner.slot()).state.raw();
    return owner.bits != me().self && (state >> 32 != owner.generation() ||
                                       (state & kPhase) == kFree || !certified(owner.slot()));
  }

  // Objects that a living process has a handle to, and what their messages carry: a bit each.
  uint32_t reachable() {
    uint32_t set = 0;
    for (int p = 0; p < kProcesses; ++p) {
      for (int o = 1; o <= kObjects; ++o) {
        if (shared_.processes[p].self != 0 && shared_.processes[p].handles[o] != 0 && lives(p)) {
          set |= 1u << o;
        }
      }
    }
    for (uint32_t before = 0; before != set;) {
      before = set;
      for (int o = 1; o <= kObjects; ++o) {
        Object<A>& channel = shared_.objects[o - 1];
        for (uint64_t n = channel.got.raw() >> 1; (set >> o & 1) != 0 && n < channel.headers.raw();
             ++n) {
          set |= 1u << channel.carries[n % kMessages];
        }
      }
    }
    return set & ~1u;
  }
  void require_unreachable(uint64_t object) {
    uint64_t seen = model::seen();
    bool reached = (reachable() >> object & 1) != 0;
    model::set_seen(seen);
    model::require(!reached, kTooEarly);
  }

  // Nobody else changes what is at `at` as long as the process holds the lock it holds.
  bool owns(int i, const void* at) {
    const Process& p = shared_.processes[i];
    if (p.self == 0) {
      return false;
    }
    auto in = [at](const auto& thing) { return at >= &thing && at < &thing + 1; };
    if (in(slot(Owner{p.self}.slot()))) {
      return true;
    }
    if (shared_.family_lock == p.self) {
      if (in(shared_.transit) || in(shared_.slots_used)) {
        return true;
      }
      for (auto& slot : shared_.slots) {
        // From reserved to live it may go: no difference to anybody.
        if (in(slot.state)) {
          return true;
        }
      }
    }
    for (auto& o : shared_.objects) {
      if (((o.put_lock & ~kDirty) == p.self && (in(o.put) || in(o.headers))) ||
          ((o.get_lock & ~kDirty) == p.self && in(o.got))) {
        return true;
      }
    }
    return false;
  }

  // -- Locks --

  // park_acquire: true when the last owner died holding it. Asleep it hears of the owner's death.
  bool lock(uint32_t& word) {
    typename A::LoopHead head;
    for (;;) {
      head.again();
      model::before(Step::kRmw, &word);
      uint32_t seen = word;
      if (seen == 0 || seen == kDirty) {
        word = me().self | seen;
        model::saw(seen);
        return seen != 0;
      }
      Owner owner{seen & ~kDirty};
      if (owner_died(owner)) {
        word = kDirty;
        continue;
      }
      int runner = shared_.runs[owner.slot() - 1] - 1;
      model::wait({&word, seen, seen}, {}, static_cast<uint8_t>(1u << runner), Deadline::never());
    }
  }
  // The same with a deadline that is past; false when somebody who lives has it.
  bool try_lock_of_dead(uint32_t& word) {
    model::before(Step::kRmw, &word);
    uint32_t seen = word;
    Owner owner{seen & ~kDirty};
    bool left = owner ? owner_died(owner) : seen != 0;
    if (left) {
      word = me().self | kDirty;
    }
    model::saw(left);
    return left;
  }
  bool owner_died(Owner owner) {
    uint64_t seen = model::seen();
    bool died = dead_now(owner);
    model::set_seen(seen);
    return died;
  }
  // park_release, with its wake.
  void unlock(uint32_t& word) {
    model::wake(&word, kProcesses);
    word = 0;
  }
  void lock_family() { lock(shared_.family_lock); }
  void unlock_family() { unlock(shared_.family_lock); }

  // -- The family --

  // Family::is_dead.
  bool is_dead(Owner owner) {
    model::before(Step::kAsk, nullptr);
    bool dead = owner_died(owner);
    model::saw(dead);
    return dead;
  }

  // Family::free_entry. Nobody else takes one of this list.
  int free_entry(uint32_t i) {
    for (int n = 0; n < cast_.entries; ++n) {
      if (slot(i).list[n].raw() == 0) {
        return n;
      }
    }
    model::require(false, "a list longer than planned");
    return 0;
  }

  // Family::hold_locked.
  void hold(uint64_t o) {
    Process& p = me();
    if (p.handles[o] == 0) {
      int n = free_entry(self().slot());
      reachability().write(slot(self().slot()).list[n], o);
      p.entry[o] = static_cast<uint8_t>(n + 1);
    }
    ++p.handles[o];
  }

  // Family::drop.
  void drop(uint64_t o) {
    Process& p = me();
    if (--p.handles[o] > 0) {
      return;
    }
    Word& entry = slot(self().slot()).list[p.entry[o] - 1];
    p.entry[o] = 0;
    constexpr bool kLocks = A::kBug != Bug::kFreeWithoutLock;
    if (kLocks) {
      lock_family();
    }
    reachability().release(entry, true);
    if (kLocks) {
      unlock_family();
    }
  }

  // Family::create, Arena::allocate. A block that a death left in hand is free.
  uint64_t create() {
    Process& p = me();
    int n = free_entry(self().slot());
    Word& entry = slot(self().slot()).list[n];
    model::before(Step::kRmw, &entry);
    int at = 0;
    while (at < kObjects && (shared_.objects[at].block.state.raw() == Block::kLive ||
                             in_hand(shared_.objects[at].allocator))) {
      ++at;
    }
    model::require(at < kObjects, "more objects than planned");
    model::saw(static_cast<uint64_t>(at));
    Object<A>& o = shared_.objects[at];
    o.allocator = static_cast<uint8_t>(1 + model::self());
    uint64_t number = static_cast<uint64_t>(at + 1);
    entry.set_raw(number);
    o.block.flags.set_raw(0);
    o.headers.set_raw(0);
    o.put.set_raw(0);
    o.got.set_raw(0);
    o.put_lock = o.get_lock = 0;
    o.block.state.store(Block::kLive);
    o.allocator = 0;
    p.entry[number] = static_cast<uint8_t>(n + 1);
    ++p.handles[number];
    return number;
  }
  bool in_hand(uint8_t allocator) {
    uint64_t seen = model::seen();
    bool yes = allocator != 0 && lives(allocator - 1);
    model::set_seen(seen);
    return yes;
  }

  // -- Channels --

  // Family::forget_in_transit.
  void forget_in_transit(uint64_t channel, uint64_t from) {
    lock_family();
    reachability().forget(channel, from);
    unlock_family();
  }

  // ChannelWriter::open, after the lock was taken from a dead owner.
  void recover_put(uint64_t channel) {
    Object<A>& c = object(channel);
    // Ring::recover_put.
    uint64_t published = c.headers.load();
    if (c.put.load() != published) {
      c.put.store(published);
    }
    forget_in_transit(channel, published);
  }

  // ChannelWriter::open, add, publish.
  void put(uint64_t channel, uint64_t o) {
    Object<A>& c = object(channel);
    if (lock(c.put_lock)) {
      recover_put(channel);
    }
    uint64_t seq = c.put.load();
    model::require(seq - (c.got.raw() >> 1) < kMessages, "more messages than planned");
    // Family::note_in_transit.
    lock_family();
    model::require(reachability().note(o, channel, seq, channel).ok(), "a note failed");
    unlock_family();
    c.carries[seq % kMessages] = static_cast<uint8_t>(o);
    c.headers.store(seq + 1);
    c.put.store(seq + 1);
    unlock(c.put_lock);
  }

  // ChannelReader::open, receive, ChannelReader::commit.
  void get(uint64_t channel) {
    Object<A>& c = object(channel);
    lock(c.get_lock);
    uint64_t seq = c.got.load() >> 1;
    if (seq < c.headers.load()) {
      uint64_t o = c.carries[seq % kMessages];
      model::saw(o);
      constexpr bool kLate = A::kBug == Bug::kDropBeforeUseEnds;
      if (!kLate) {
        hold(o);
      }
      c.got.store((seq + 1) << 1);
      if (kLate) {
        ++me().handles[o];
        int n = free_entry(self().slot());
        reachability().write(slot(self().slot()).list[n], o);
        me().entry[o] = static_cast<uint8_t>(n + 1);
      }
    }
    unlock(c.get_lock);
  }

  // -- Processes --

  // Family::claim_slot, for reserve_child(false).
  Owner claim_slot() {
    lock_family();
    uint64_t used = shared_.slots_used.load();
    uint32_t i = 1;
    while (i <= used && (slot(i).state.load() & kPhase) != kFree) {
      ++i;
    }
    if (i > used) {
      shared_.slots_used.store(i);
    }
    uint32_t generation = static_cast<uint32_t>(slot(i).state.load() >> 32) + 1;
    // take_certificate: nobody can see it before the slot is reserved.
    shared_.certificate[i - 1] = static_cast<uint8_t>(1u << model::self());
    for (Word& entry : slot(i).list) {
      model::require(entry.raw() == 0, "a free slot holds something");
    }
    slot(i).state.store(pack(generation, kReserved));
    unlock_family();
    return Owner::of(i, generation);
  }

  // Family::before_fork, fork, after_fork_in_parent.
  void fork_child() {
    int child = 0;
    while (cast_.processes[static_cast<size_t>(child)][0] != '*') {
      ++child;
    }
    Owner owner = claim_slot();
    if (A::kBug != Bug::kCopyAfterFork) {
      copy_list(owner);
    }
    // The child's memory and its descriptors.
    model::wake(&shared_.unborn, 1);
    shared_.processes[child] = me();
    shared_.processes[child].self = owner.bits;
    shared_.certificate[owner.slot() - 1] |= static_cast<uint8_t>(1u << child);
    shared_.runs[owner.slot() - 1] = static_cast<uint8_t>(child + 1);
    shared_.unborn = 1;
    if (A::kBug == Bug::kCopyAfterFork) {
      copy_list(owner);
    }
    model::before(Step::kStore, &shared_.certificate[owner.slot() - 1]);
    shared_.certificate[owner.slot() - 1] &= static_cast<uint8_t>(~(1u << model::self()));
  }
  void copy_list(Owner child) {
    for (uint64_t o = 1; o <= kObjects; ++o) {
      if (me().handles[o] != 0) {
        reachability().write(slot(child.slot()).list[free_entry(child.slot())], o);
      }
    }
  }

  // Family::after_fork_in_child.
  void begin_child() {
    Process& p = me();
    Owner owner{p.self};
    slot(owner.slot()).state.store(pack(owner.generation(), kLive));
    for (int n = 0; n < cast_.entries; ++n) {
      if (uint64_t o = slot(owner.slot()).list[n].raw()) {
        p.entry[o] = static_cast<uint8_t>(n + 1);
      }
    }
  }

  // Family::sweep_one, sweep_locked.
  void sweep_one(uint32_t i) {
    uint64_t state = slot(i).state.load();
    Owner owner = Owner::of(i, static_cast<uint32_t>(state >> 32));
    if ((state & kPhase) == kFree || !is_dead(owner)) {
      return;
    }
    lock_family();
    if (slot(i).state.load() == state || A::kBug == Bug::kSweepWithoutSecondLook) {
      for (int n = 0; n < cast_.entries; ++n) {
        if (slot(i).list[n].load() != 0) {
          reachability().release(slot(i).list[n], false);
        }
      }
      slot(i).state.store(pack(owner.generation(), kFree));
    }
    unlock_family();
  }

  // lost_producer.
  bool lost_producer(uint64_t channel) {
    uint32_t& word = object(channel).put_lock;
    model::before(Step::kAsk, &word);
    Owner owner{word & ~kDirty};
    bool lost = owner ? owner_died(owner) : word != 0;
    model::saw(lost);
    return lost;
  }

  // Family::settle_messages.
  void settle_messages() {
    uint32_t channels = 0;
    lock_family();
    reachability().each_channel_in_transit([&](uint64_t channel) {
      if (lost_producer(channel)) {
        channels |= 1u << channel;
      }
    });
    for (uint64_t o = 1; o <= kObjects; ++o) {
      if ((channels >> o & 1) != 0) {
        hold(o);
      }
    }
    unlock_family();
    for (uint64_t o = 1; o <= kObjects; ++o) {
      if ((channels >> o & 1) != 0) {
        // recover_producers.
        if (try_lock_of_dead(object(o).put_lock)) {
          recover_put(o);
          unlock(object(o).put_lock);
        }
        drop(o);
      }
    }
  }

  // Family::sweep_all.
  void sweep_all() {
    uint64_t used = shared_.slots_used.load();
    for (uint32_t i = 1; i <= used; ++i) {
      sweep_one(i);
    }
    if (A::kBug != Bug::kLeaveUnpublished) {
      settle_messages();
    }
  }

  // -- The cast --

  void become(int process, uint32_t i, const std::string& holds) {
    Owner owner = Owner::of(i, 1);
    slot(i).state.set_raw(pack(1, kLive));
    shared_.certificate[i - 1] = static_cast<uint8_t>(1u << process);
    shared_.runs[i - 1] = static_cast<uint8_t>(process + 1);
    Process& p = shared_.processes[process];
    p.self = owner.bits;
    list(i, holds, &p);
  }
  void list(uint32_t i, const std::string& holds, Process* p) {
    int n = 0;
    for (char c : holds) {
      int o = c - '0';
      BlockOf<A>& b = shared_.objects[o - 1].block;
      b.state.set_raw(Block::kLive);
      b.flags.set_raw(Block::kShared);
      slot(i).list[n++].set_raw(static_cast<uint64_t>(o));
      if (p != nullptr) {
        p->handles[o] = 1;
        p->entry[o] = static_cast<uint8_t>(n);
      }
    }
  }

  void begin() {
    uint32_t used = 0;
    if (!cast_.dead.empty()) {
      slot(++used).state.set_raw(pack(1, kLive));
      list(used, cast_.dead, nullptr);
    }
    for (int i = 0; i < count_; ++i) {
      if (cast_.processes[static_cast<size_t>(i)][0] != '*') {
        become(i, ++used, cast_.holds[static_cast<size_t>(i)]);
      }
    }
    become(count_, ++used, "");
    shared_.slots_used.set_raw(used);
    if (!cast_.sent.empty()) {
      Object<A>& c = shared_.objects[cast_.sent[0] - '1'];
      uint64_t o = static_cast<uint64_t>(cast_.sent[1] - '0');
      shared_.objects[o - 1].block.state.set_raw(Block::kLive);
      shared_.objects[o - 1].block.flags.set_raw(Block::kShared);
      c.carries[0] = static_cast<uint8_t>(o);
      c.headers.set_raw(1);
      c.put.set_raw(1);
      uint64_t channel = static_cast<uint64_t>(cast_.sent[0] - '0');
      shared_.transit[0].object.set_raw(o);
      shared_.transit[0].channel.set_raw(channel);
      shared_.transit[0].received.set_raw(channel);
    }
  }

  void live(int i) {
    const std::string& words = cast_.processes[static_cast<size_t>(i)];
    if (words[0] == '*') {
      while (shared_.unborn == 0) {
        int parent = 0;
        while (cast_.processes[static_cast<size_t>(parent)].find('f') == std::string::npos) {
          ++parent;
        }
        model::before(Step::kWait, &shared_.unborn);
        if (shared_.unborn == 0 && model::is_dying(parent)) {
          return;
        }
        if (shared_.unborn == 0) {
          model::wait({&shared_.unborn, 0, 0}, {}, static_cast<uint8_t>(1u << parent),
                      Deadline::never());
        }
      }
      begin_child();
    }
    for (size_t n = 0; n < words.size(); ++n) {
      if (words[n] == ' ' || words[n] == '*') {
        continue;
      }
      model::forget(n);
      n += operate(&words[n]);
    }
  }

  // How many characters more than one it was.
  size_t operate(const char* word) {
    Process& p = me();
    auto number = [](char c) { return static_cast<uint64_t>(c - '0'); };
    switch (word[0]) {
      case 'p':
        if (p.handles[number(word[1])] != 0 && p.handles[number(word[2])] != 0) {
          put(number(word[1]), number(word[2]));
        }
        return 2;
      case 'g':
        if (p.handles[number(word[1])] != 0) {
          get(number(word[1]));
        }
        return 1;
      case 'd':
        if (p.handles[number(word[1])] != 0) {
          drop(number(word[1]));
        }
        return 1;
      case 'c':
        drop(create());
        return 0;
      case 'k':
        create();
        return 0;
      case 'f':
        fork_child();
        return 0;
      default:
        sweep_all();
        return 0;
    }
  }

  // Whoever comes by after all that leaves what somebody can get at, and nothing else.
  void finish() {
    sweep_all();
    check(reachable());
    // All end.
    shared_.exited = static_cast<uint8_t>((1u << count_) - 1);
    sweep_all();
    check(0);
  }
  void check(uint32_t expected) {
    for (int o = 1; o <= kObjects; ++o) {
      bool there = shared_.objects[o - 1].block.state.raw() == Block::kLive;
      bool wanted = (expected >> o & 1) != 0;
      model::require(there || !wanted, "an object is gone that somebody can get at");
      model::require(!there || wanted, kLeft);
    }
  }

  alignas(64) static inline Shared<A> shared_;
  const Cast& cast_;
  const int count_;
};

template <class A = model::ModelAtomics<>>
std::string run(const Cast& cast) {
  std::string name = A::kBug == Bug::kNone ? "" : "planted bug: ";
  for (const std::string& words : cast.processes) {
    name += words + "; ";
  }
  return Run<A>(cast).explore((name + std::to_string(cast.kills) + " kills").c_str()).violation;
}

TEST(ReachabilityModel, OneProcessAlone) {
  EXPECT_EQ(run({.processes = {"p12 d2 g1 d2 d1"}, .holds = {"12"}}), "");
  EXPECT_EQ(run({.processes = {"p12 d2 d1"}, .holds = {"12"}, .kills = 1}), "");
  EXPECT_EQ(run({.processes = {"p12 p13 d2 d3 d1"}, .holds = {"123"}, .kills = 1}), "");
  EXPECT_EQ(run({.processes = {"c c"}, .holds = {""}, .kills = 1}), "");
}

TEST(ReachabilityModel, AHandleInAMessageKeepsItsObject) {
  EXPECT_EQ(run({.processes = {"p12 d2", "g1 d2"}, .holds = {"12", "1"}, .kills = 2}), "");
  EXPECT_EQ(run({.processes = {"p12 d2", "g1 d2", "w"}, .holds = {"12", "1", ""}, .kills = 2}), "");
  EXPECT_EQ(run({.processes = {"g1 d2 d1", "g1 d2 d1", "w"},
                 .holds = {"1", "1", ""},
                 .kills = 2,
                 .sent = "12"}),
            "");
}

TEST(ReachabilityModel, AnObjectOfOnesOwnIsSharedWhenItIsSentOrForked) {
  EXPECT_EQ(run({.processes = {"k p12 d2", "g1 d2"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run({.processes = {"k f d1", "*d1"}, .holds = {"", ""}, .kills = 2}), "");
}

TEST(ReachabilityModel, AHandleThatIsSentOnKeepsItsObject) {
  EXPECT_EQ(
      run({.processes = {"p12 d2", "g1 p32 d2", "g3 d2"}, .holds = {"12", "13", "3"}, .kills = 2}),
      "");
}

TEST(ReachabilityModel, AMessageWhoseSenderDiedKeepsNothing) {
  EXPECT_EQ(run({.processes = {"p12 d2", "w", "w"}, .holds = {"12", "1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run({.processes = {"p12 d2", "p12 d2", "w"}, .holds = {"12", "12", ""}, .kills = 2}),
            "");
}

TEST(ReachabilityModel, AForkHoldsWhatItsParentHeld) {
  EXPECT_EQ(run({.processes = {"f d2 d1", "*d2 d1"}, .holds = {"12", ""}, .kills = 2}), "");
  EXPECT_EQ(run({.processes = {"f d1", "*g1 d2 d1", "g1 d2"},
                 .holds = {"1", "", "1"},
                 .kills = 2,
                 .sent = "12"}),
            "");
  // Into the slot of a dead process, which others sweep.
  EXPECT_EQ(run({.processes = {"w f d2 d1", "*d2 d1", "w"},
                 .holds = {"12", "", ""},
                 .kills = 2,
                 .dead = "2"}),
            "");
}

TEST(ReachabilityModel, WhoeverComesBySweepsWhatAKilledSweeperLeft) {
  EXPECT_EQ(
      run({.processes = {"w", "w"}, .holds = {"", ""}, .kills = 2, .dead = "12", .sent = "12"}),
      "");
  // What is freed is given out again meanwhile.
  EXPECT_EQ(run({.processes = {"w", "w", "c"}, .holds = {"", "", ""}, .kills = 2, .dead = "12"}),
            "");
}

TEST(ReachabilityModel, AChannelGoesWithTheMessageThatCarriesIt) {
  EXPECT_EQ(run({.processes = {"p11 d1", "g1 d1"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run({.processes = {"p12 p12 d2 d1", "g1 d2 d1"}, .holds = {"12", "1"}, .kills = 2}),
            "");
  // 1 carries 2, which carries 3.
  EXPECT_EQ(run({.processes = {"p12 d2 d1", "p23 d3 d2"}, .holds = {"12", "23"}, .kills = 2}), "");
  EXPECT_EQ(run({.processes = {"p23 d3 d2 d1", "g1 d2 d1", "w"},
                 .holds = {"123", "1", ""},
                 .kills = 2,
                 .sent = "12"}),
            "");
}

void run_long(const Cast& cast) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(run(cast), "");
}

TEST(ReachabilityModelLong, SenderTwoReceiversAndASweeper) {
  run_long(
      {.processes = {"p12 d2", "g1 d2", "g1 d2", "w"}, .holds = {"12", "1", "1", ""}, .kills = 3});
}

TEST(ReachabilityModelLong, AForkWhileOneSendsAndOneSweeps) {
  run_long({.processes = {"f g1 d2 d1", "*d1", "p12 d2 d1", "w"},
            .holds = {"1", "", "12", ""},
            .kills = 2});
}

TEST(ReachabilityModelLong, SweepersAndWhatIsFreedGivenOutAgain) {
  run_long({.processes = {"w", "w", "k c"}, .holds = {"", "", ""}, .kills = 2, .dead = "12"});
}

TEST(ReachabilityModelLong, AMessageIsSentInWhatIsFreedAndGivenOutAgain) {
  run_long(
      {.processes = {"p12 d2 d1", "g1 d2 d1", "c", "w"}, .holds = {"12", "1", "", ""}, .kills = 2});
}

TEST(ReachabilityModelLong, AChannelInAMessageIsReadOut) {
  run_long({.processes = {"p23 d3 d2 d1", "g1 d1 g2 d2 d3", "w"},
            .holds = {"123", "1", ""},
            .kills = 3,
            .sent = "12"});
}

TEST(ReachabilityModelLong, AChannelInAMessageAndAFork) {
  run_long({.processes = {"g1 f d2 d1", "*g2 d3 d2 d1", "p23 d3 d2 d1", "w"},
            .holds = {"1", "", "123", ""},
            .kills = 2,
            .sent = "12"});
}

template <Bug B>
std::string violation_with(const Cast& cast) {
  std::string v = run<model::ModelAtomics<B>>(cast);
  return v.substr(0, v.find('\n'));
}

TEST(ReachabilityModel, FindsAnEntryWrittenAfterTheCommit) {
  EXPECT_EQ(violation_with<Bug::kDropBeforeUseEnds>(
                {.processes = {"d2", "g1"}, .holds = {"2", "1"}, .sent = "12"}),
            kTooEarly);
}

TEST(ReachabilityModel, FindsAScanOfTheListsBeforeTheMessages) {
  EXPECT_EQ(violation_with<Bug::kListsBeforeMessages>(
                {.processes = {"d2", "g1"}, .holds = {"2", "1"}, .sent = "12"}),
            kTooEarly);
}

TEST(ReachabilityModel, FindsADropWithoutTheLock) {
  EXPECT_EQ(violation_with<Bug::kFreeWithoutLock>(
                {.processes = {"d2", "g1 p12 d2"}, .holds = {"2", "1"}, .sent = "12"}),
            kTooEarly);
}

TEST(ReachabilityModel, FindsASweepOfASlotThatIsSomebodyElsesByThen) {
  EXPECT_EQ(violation_with<Bug::kSweepWithoutSecondLook>(
                {.processes = {"w f d2", "*", "w"}, .holds = {"2", "", ""}, .dead = "2"}),
            kTooEarly);
}

TEST(ReachabilityModel, FindsAForkThatCopiesTheListOnceTheChildRuns) {
  EXPECT_EQ(violation_with<Bug::kCopyAfterFork>(
                {.processes = {"f", "*", "w"}, .holds = {"2", "", ""}, .kills = 1}),
            kTooEarly);
}

TEST(ReachabilityModel, FindsAnEntryThatIsClearedBeforeItsObjectIsFreed) {
  EXPECT_EQ(
      violation_with<Bug::kClearEntryBeforeFree>({.processes = {"d2"}, .holds = {"2"}, .kills = 1}),
      kLeft);
}

TEST(ReachabilityModel, FindsAnUnpublishedMessageThatNobodySettles) {
  EXPECT_EQ(violation_with<Bug::kLeaveUnpublished>(
                {.processes = {"p12 d2", ""}, .holds = {"12", "1"}, .kills = 1}),
            kLeft);
}

}  // namespace
}  // namespace mp::internal
