// mp/internal/shm/family_model.h
//
// FamilyModel: processes that send handles and descriptors, receive them, drop them, fork and sweep, in every order of
// their steps and with some of them killed. No object is freed while somebody can get at it, each is freed once, none is
// left when nobody can; the same for the descriptors in the mailbox; and nobody waits for ever.
//
// The library's own code   Reachability, Deposits.
// A step for each step     that others can see, beside the name of the function it stands for: what surrounds these.
// The simplest that does   locks, queues, the allocator and the mailbox, which have models or tests of their own.
// Not modelled             memory orders weaker than seq_cst.

#ifndef MP_INTERNAL_SHM_FAMILY_MODEL_H_
#define MP_INTERNAL_SHM_FAMILY_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/deposits.h"
#include "mp/internal/shm/deposits_impl.h"
#include "mp/internal/shm/layout.h"
#include "mp/internal/shm/reachability.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

// What each process does, word by word. Objects and channels are numbers from 1.
//   p12  puts a handle to 2 into 1      s1  puts a descriptor into 1
//   g1   takes a message off 1, if      x1  the same, and gives up before it publishes
//        there is one                   l1  takes a message off, but does not fetch its descriptor
//   d2   drops its handle to 2          b1  begins to take a message off, and leaves it
//   k    makes an object and keeps it   f   forks: the process whose first word is * begins
//   c    the same, and drops it         w   sweeps all
// Nothing comes of a word that needs a handle which the process does not have.
struct FamilyCast {
  std::vector<std::string> processes;
  std::vector<std::string> holds;  // what each holds at first
  int kills = 0;
  std::string dead = "";  // what a process holds that died before
  std::string sent = "";  // "12": a message of 1 carries 2, at first
};

inline constexpr char kFreedTooEarly[] = "an object is freed that somebody can get at";
inline constexpr char kLeftOver[] = "an object is left that nobody can get at";
inline constexpr char kThrownAway[] = "a descriptor is gone that somebody will fetch";
inline constexpr char kForgotten[] = "a descriptor is left that nobody will fetch";

template <class A>
class FamilyModel {
 public:
  using Word = typename A::template Atomic<uint64_t>;

  explicit FamilyModel(const FamilyCast& cast)
      : cast_(cast), count_(static_cast<int>(cast.processes.size())) {}

  model::Outcome explore(const char* name) {
    model::Scenario s;
    s.shared = &shared_;
    s.size = sizeof shared_;
    s.begin = [this] { begin(); };
    for (int i = 0; i < count_; ++i) {
      s.actors.push_back([this, i] { live(i); });
    }
    s.end = [this] { finish(); };
    s.kills = cast_.kills;
    s.may_kill = [](int i) { return shared_.processes[i].self != 0; };
    s.owns = [this](int i, const void* at) { return this->owns(i, at); };
    s.names = {{&shared_.transit, "transit"},
               {&shared_.slots_used, "slots_used"},
               {&shared_.family_lock, "family_lock"},
               {&shared_.unborn, "unborn"},
               {&shared_.deposits, "deposits"},
               {&shared_.header, "header"},
               {&shared_.mail, "mail"}};
    for (int i = 0; i < kObjects; ++i) {
      s.names.emplace_back(&shared_.objects[i], "object " + std::to_string(i + 1));
      s.names.emplace_back(&shared_.objects[i].headers,
                           "object " + std::to_string(i + 1) + " headers");
    }
    for (int i = 0; i < kSlots; ++i) {
      s.names.emplace_back(&shared_.slots[i], "slot " + std::to_string(i + 1));
    }
    model::Outcome o = model::explore(s);
    model::report(name, o);
    return o;
  }

 private:
  static constexpr int kObjects = 4;
  static constexpr int kEntries = 3;  // of a list
  static constexpr int kTransits = 3;
  static constexpr uint32_t kDescriptors = 3;
  static constexpr int kProcesses =
      model::kMostActors + 1;                    // the one that looks at the end included
  static constexpr int kSlots = kProcesses + 2;  // 1 ..; the last one may be a dead process's
  static constexpr int kMessages = 2;            // of a channel, at a time

  // Phases of a slot, as in layout.h; nobody here waits for an exit status.
  static constexpr uint64_t kFree = 0;
  static constexpr uint64_t kReserved = 1;
  static constexpr uint64_t kLive = 2;
  static constexpr uint64_t kPhase = 0xffffffff;
  static constexpr uint64_t pack(uint32_t generation, uint64_t phase) {
    return uint64_t{generation} << 32 | phase;
  }
  static constexpr uint32_t kDirty = 1u << 31;

  struct Object {
    BlockOf<A> block;
    // As a channel. A message can be received when its header says so; `put` counts it then.
    Word headers;
    Word put;
    Word got;  // << 1, as in the ring
    uint32_t put_lock;
    uint32_t get_lock;
    uint8_t carries[kMessages];      // by the number of the message
    uint8_t descriptors[kMessages];  // the same
    uint8_t allocator;               // 1 + who has it in hand
    uint8_t padding[3];
  };

  // What is in the memory of one process.
  struct Process {
    uint32_t self;  // Owner bits; 0: it does not exist yet
    uint8_t handles[kObjects + 1];
    uint8_t entry[kObjects + 1];  // 1 + the number of its entry
    uint8_t fetching;             // a descriptor: of a message that it has received
    uint8_t padding[1];
  };

  // The part of ArenaHeader that Deposits uses.
  struct Header {
    typename A::template Atomic<uint32_t> deposits;
    typename A::template Atomic<uint32_t> orphans;
    typename A::template Atomic<uint32_t> deposits_top;
    uint32_t padding;
  };

  struct alignas(16) Shared {
    Object objects[kObjects];
    struct Slot {
      Word state;
      Word list[kEntries];
    } slots[kSlots];  // slot i is slots[i - 1]
    TransitEntry<A> transit[kTransits];
    DepositOf<A> deposits[kDescriptors];
    Header header;
    Word slots_used;
    uint32_t family_lock;
    uint32_t unborn;  // the word that a child to be sleeps on
    Process processes[kProcesses];
    uint8_t certificate[kSlots];  // a bit per process that has it open
    uint8_t runs[kSlots];         // 1 + the process in that slot
    uint8_t exited;               // a bit per process that ended in order
    uint8_t made;                 // descriptors, so far
    uint8_t mail;                 // those in the mailbox: a bit each
    uint8_t padding[3];
    uint32_t senders[kDescriptors + 1];  // of each; Owner bits
  };

  // What Family::Tables is in the library.
  struct Store {
    FamilyModel* run;

    Word& word_at(uint64_t channel) const { return *run->template at<Word>(channel); }
    BlockOf<A>& block(uint64_t object) const { return run->object(object).block; }
    template <class See>
    void each_entry(uint32_t slot, const See& see) const {
      for (int i = 0; i < kEntries; ++i) {
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
    void destroy_parts(uint64_t object, bool) const {
      run->require_unreachable(object);
      if (run->any_deposits()) {
        run->deposits().channel_ends(object);
      }
    }
    // Arena::free.
    void let_go(uint64_t) const {}
    void free(uint64_t object) const {
      auto& state = block(object).state;
      model::before(model::Step::kStore, &state);
      run->require_unreachable(object);
      model::require(state.raw() == Block::kLive, "an object was freed twice");
      state.set_raw(Block::kFree);
    }
    absl::StatusOr<TransitEntry<A>*> add_transit() const {
      model::require(false, "more messages in transit than planned");
      return absl::Status();
    }
  };

  // -- What Arena is in the library for Deposits --

  friend class DepositsOf<A, FamilyModel>;
  Header& header() const { return shared_.header; }
  DepositOf<A>& deposit(uint32_t i) const {
    model::require(i < kDescriptors, "more descriptors at a time than planned");
    return shared_.deposits[i];
  }
  // A channel's offset is its number, and that of its count too.
  template <class T>
  T* at(uint64_t channel) const {
    model::require(shared_.objects[channel - 1].block.state.raw() == Block::kLive,
                   "a look into a channel that is gone");
    return &shared_.objects[channel - 1].got;
  }

  DepositsOf<A, FamilyModel> deposits() const { return DepositsOf<A, FamilyModel>(*this); }
  // !Deposits::none(). Casts without descriptors do not ask.
  bool any_deposits() const { return shared_.made != 0 && !deposits().none(); }

  Reachability<A, Store> reachability() { return Reachability<A, Store>(Store{this}); }

  Object& object(uint64_t o) {
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
        Object& channel = shared_.objects[o - 1];
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
    model::require(!reached, kFreedTooEarly);
  }

  // Who lives has received it and is about to fetch it, or can still receive it.
  bool is_wanted(uint8_t descriptor) {
    for (int p = 0; p < kProcesses; ++p) {
      if (shared_.processes[p].fetching == descriptor && lives(p)) {
        return true;
      }
    }
    uint32_t channels = reachable();
    for (int o = 1; o <= kObjects; ++o) {
      Object& channel = shared_.objects[o - 1];
      for (uint64_t n = channel.got.raw() >> 1; n < channel.headers.raw(); ++n) {
        if ((channels >> o & 1) != 0 && channel.descriptors[n % kMessages] == descriptor) {
          return true;
        }
      }
    }
    return false;
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
    if ((shared_.family_lock & ~kDirty) == p.self) {
      if (in(shared_.transit) || in(shared_.slots_used) || in(shared_.header)) {
        return true;
      }
      for (auto& d : shared_.deposits) {
        if (in(d) && !in(d.taker)) {
          return true;
        }
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

  // Calls what leaves nothing in the hands of its caller: what it has read is forgotten.
  template <class Call>
  void forgetting(const Call& call) {
    uint64_t before = model::seen();
    call();
    model::set_seen(before);
    model::saw(1);
  }

  // -- Locks --

  // park_acquire: true when the last owner died holding it. Asleep it hears of the owner's death.
  bool lock(uint32_t& word) {
    typename A::LoopHead head;
    for (;;) {
      head.again();
      model::before(model::Step::kRmw, &word);
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
    model::before(model::Step::kRmw, &word);
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
  // Family::unlock_family.
  void unlock_family() {
    forgetting([&] {
      unlock(shared_.family_lock);
      if (shared_.made != 0 && deposits().orphans()) {
        discard_orphans();
      }
    });
  }

  // -- The family --

  // Family::is_dead.
  bool is_dead(Owner owner) {
    model::before(model::Step::kAsk, nullptr);
    bool dead = owner_died(owner);
    model::saw(dead);
    return dead;
  }

  // Family::free_entry. Nobody else takes one of this list.
  int free_entry(uint32_t i) {
    for (int n = 0; n < kEntries; ++n) {
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
    forgetting([&] { reachability().release(entry, true); });
    if (kLocks) {
      unlock_family();
    }
  }

  // Family::create, Arena::allocate. A block that a death left in hand is free.
  uint64_t create() {
    Process& p = me();
    int n = free_entry(self().slot());
    Word& entry = slot(self().slot()).list[n];
    model::before(model::Step::kRmw, &entry);
    int at = 0;
    while (at < kObjects && (shared_.objects[at].block.state.raw() == Block::kLive ||
                             in_hand(shared_.objects[at].allocator))) {
      ++at;
    }
    model::require(at < kObjects, "more objects than planned");
    model::saw(static_cast<uint64_t>(at));
    Object& o = shared_.objects[at];
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

  // -- Descriptors --

  uint64_t token(uint8_t descriptor) const {
    return uint64_t{shared_.senders[descriptor]} << 32 | descriptor;
  }

  // RingStore::deposit: a new descriptor, for message `seq` of `channel`.
  uint8_t make_token() {
    uint8_t descriptor = ++shared_.made;
    model::require(descriptor <= kDescriptors, "more descriptors than planned");
    model::saw(descriptor);
    shared_.senders[descriptor] = me().self;
    return descriptor;
  }
  void deposit_it(uint8_t descriptor, uint64_t channel, uint64_t seq) {
    // Family::note_deposit.
    forgetting([&] {
      lock_family();
      model::require(deposits().note(token(descriptor), channel, seq, channel), "no room");
      unlock_family();
    });
    // mailbox_put.
    model::before(model::Step::kStore, &shared_.mail);
    shared_.mail |= static_cast<uint8_t>(1u << descriptor);
  }

  // mailbox_take.
  bool take(uint8_t descriptor) {
    model::before(model::Step::kRmw, &shared_.mail);
    bool there = (shared_.mail >> descriptor & 1) != 0;
    shared_.mail &= static_cast<uint8_t>(~(1u << descriptor));
    model::saw(there);
    return there;
  }

  // Family::end_deposit.
  void end_deposit(uint8_t descriptor, bool lost) {
    forgetting([&] {
      lock_family();
      if (lost) {
        deposits().abandon(token(descriptor));
      } else {
        deposits().end(token(descriptor));
      }
      unlock_family();
    });
  }

  // Family::discard_orphans, mailbox_discard.
  void discard_orphans() {
    typename A::LoopHead head;
    for (;;) {
      head.again();
      lock_family();
      uint64_t orphan = deposits().some_orphan();
      if (A::kBug == Bug::kEndBeforeDiscard) {
        deposits().end(orphan);
      }
      unlock(shared_.family_lock);
      if (orphan == 0) {
        return;
      }
      uint8_t descriptor = static_cast<uint8_t>(orphan);
      if (take(descriptor)) {
        uint64_t seen = model::seen();
        bool wanted = is_wanted(descriptor);
        model::set_seen(seen);
        model::require(!wanted, kThrownAway);
      }
      if (A::kBug == Bug::kEndBeforeDiscard) {
        continue;
      }
      lock_family();
      deposits().end(orphan);
      unlock(shared_.family_lock);
    }
  }

  // -- Channels --

  // Family::forget_in_transit.
  void forget_in_transit(uint64_t channel, uint64_t from) {
    forgetting([&] {
      lock_family();
      reachability().forget(channel, from);
      if (any_deposits()) {
        deposits().forget(channel, from);
      }
      unlock_family();
    });
  }

  // ChannelWriter::open, after the lock was taken from a dead owner.
  void recover_put(uint64_t channel) {
    Object& c = object(channel);
    // Ring::recover_put.
    uint64_t published = c.headers.load();
    if (c.put.load() != published) {
      c.put.store(published);
    }
    forget_in_transit(channel, published);
  }

  // ChannelWriter::open, add, publish: a message with a handle to `o`, or with a descriptor when that is 0. Or, to `give_up`,
  // ~ChannelWriter in place of publish.
  void put(uint64_t channel, uint64_t o, bool give_up = false) {
    Object& c = object(channel);
    forgetting([&] {
      if (lock(c.put_lock)) {
        recover_put(channel);
      }
    });
    uint64_t seq = c.put.load();
    model::require(seq - (c.got.raw() >> 1) < kMessages, "more messages than planned");
    constexpr bool kLate = A::kBug == Bug::kDepositAfterPublish;
    uint8_t descriptor = 0;
    if (o != 0) {
      // Family::note_in_transit.
      forgetting([&] {
        lock_family();
        model::require(reachability().note(o, channel, seq, channel).ok(), "a note failed");
        unlock_family();
      });
    } else {
      descriptor = make_token();
      if (!kLate) {
        deposit_it(descriptor, channel, seq);
      }
    }
    if (give_up) {
      forget_in_transit(channel, seq);
      unlock(c.put_lock);
      return;
    }
    c.carries[seq % kMessages] = static_cast<uint8_t>(o);
    c.descriptors[seq % kMessages] = descriptor;
    c.headers.store(seq + 1);
    if (kLate && descriptor != 0) {
      deposit_it(descriptor, channel, seq);
    }
    c.put.store(seq + 1);
    unlock(c.put_lock);
  }

  enum class Get { kAll, kNotFetched, kNotCommitted };

  // ChannelReader::open, receive, ChannelReader::commit, Received::fetch_fds; or Received::clear in place of the last, or
  // ~ChannelReader in place of the commit.
  void get(uint64_t channel, Get how) {
    Object& c = object(channel);
    lock(c.get_lock);
    uint64_t seq = c.got.load() >> 1;
    if (seq >= c.headers.load()) {
      unlock(c.get_lock);
      return;
    }
    uint64_t o = c.carries[seq % kMessages];
    uint8_t descriptor = c.descriptors[seq % kMessages];
    model::saw(o);
    model::saw(descriptor);
    // Received::fill.
    constexpr bool kLate = A::kBug == Bug::kDropBeforeUseEnds;
    constexpr bool kSignsLate = A::kBug == Bug::kClaimAfterCommit;
    if (descriptor != 0 && !kSignsLate) {
      forgetting([&] { deposits().claim(token(descriptor), self()); });
    }
    if (o != 0 && !kLate) {
      hold(o);
    }
    if (how != Get::kNotCommitted) {
      c.got.store((seq + 1) << 1);
      me().fetching = how == Get::kAll ? descriptor : 0;
      if (o != 0 && kLate) {
        ++me().handles[o];
        int n = free_entry(self().slot());
        reachability().write(slot(self().slot()).list[n], o);
        me().entry[o] = static_cast<uint8_t>(n + 1);
      }
      if (descriptor != 0 && kSignsLate) {
        deposits().claim(token(descriptor), self());
      }
    }
    unlock(c.get_lock);
    if (how == Get::kNotCommitted && o != 0) {
      drop(o);
    }
    if (descriptor == 0 || how == Get::kNotCommitted) {
      return;
    }
    bool taken = how == Get::kAll && take(descriptor);
    model::require(taken || how != Get::kAll, kThrownAway);
    me().fetching = 0;
    end_deposit(descriptor, !taken);
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
    model::before(model::Step::kStore, &shared_.certificate[owner.slot() - 1]);
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
    for (int n = 0; n < kEntries; ++n) {
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
      for (int n = 0; n < kEntries; ++n) {
        if (slot(i).list[n].load() != 0) {
          forgetting([&] { reachability().release(slot(i).list[n], false); });
        }
      }
      slot(i).state.store(pack(owner.generation(), kFree));
    }
    unlock_family();
  }

  // lost_producer.
  bool lost_producer(uint64_t channel) {
    uint32_t& word = object(channel).put_lock;
    model::before(model::Step::kAsk, &word);
    Owner owner{word & ~kDirty};
    bool lost = owner ? owner_died(owner) : word != 0;
    model::saw(lost);
    return lost;
  }

  // Family::settle_messages.
  void settle_messages() {
    uint32_t channels = 0;
    forgetting([&] {
      bool descriptors = any_deposits();
      lock_family();
      if (descriptors) {
        auto dead = [this](Owner owner) { return owner && this->is_dead(owner); };
        deposits().orphan_of_dead_takers(dead);
        deposits().each_channel_of_dead_senders(dead, [&](uint64_t channel) {
          if ((object(channel).block.flags.load() & Block::kDying) == 0) {
            channels |= 1u << channel;
          }
        });
      }
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
    });
    model::saw(channels);
    for (uint64_t o = 1; o <= kObjects; ++o) {
      if ((channels >> o & 1) == 0) {
        continue;
      }
      // recover_producers.
      forgetting([&] {
        if (try_lock_of_dead(object(o).put_lock)) {
          recover_put(o);
          unlock(object(o).put_lock);
        }
      });
      drop(o);
    }
  }

  // Family::sweep_all.
  void sweep_all() {
    uint64_t used = shared_.slots_used.load();
    for (uint32_t i = 1; i <= used; ++i) {
      forgetting([&] { sweep_one(i); });
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
      Object& c = shared_.objects[cast_.sent[0] - '1'];
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
        model::before(model::Step::kWait, &shared_.unborn);
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
          get(number(word[1]), Get::kAll);
        }
        return 1;
      case 'l':
      case 'b':
        if (p.handles[number(word[1])] != 0) {
          get(number(word[1]), word[0] == 'l' ? Get::kNotFetched : Get::kNotCommitted);
        }
        return 1;
      case 's':
      case 'x':
        if (p.handles[number(word[1])] != 0) {
          put(number(word[1]), 0, word[0] == 'x');
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
      model::require(!there || wanted, kLeftOver);
    }
    for (uint8_t d = 1; d <= shared_.made; ++d) {
      bool there = (shared_.mail >> d & 1) != 0;
      bool wanted = is_wanted(d);
      bool noted = false;
      for (auto& deposit : shared_.deposits) {
        noted |= deposit.token.raw() == token(d);
      }
      model::require(there || !wanted, kThrownAway);
      model::require((!there && !noted) || wanted, kForgotten);
    }
  }

  alignas(64) static inline Shared shared_;
  const FamilyCast& cast_;
  const int count_;
};

// What is wrong with it, and how it comes to that; nothing when nothing is.
template <class A = model::ModelAtomics<>>
std::string run_family(const FamilyCast& cast) {
  std::string name = A::kBug == Bug::kNone ? "" : "planted bug: ";
  for (const std::string& words : cast.processes) {
    name += words + "; ";
  }
  name += std::to_string(cast.kills) + " kills";
  return FamilyModel<A>(cast).explore(name.c_str()).violation;
}
// Its first line, with a planted bug.
template <Bug B>
std::string violation_with(const FamilyCast& cast) {
  std::string v = run_family<model::ModelAtomics<B>>(cast);
  return v.substr(0, v.find('\n'));
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_FAMILY_MODEL_H_
