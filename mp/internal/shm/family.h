// mp/internal/shm/family.h
//
// Family: a process's view of the root process, its descendants and the arena they share: who
// lives, who holds which object, what happens after a death.
//
// Reachability  Each slot lists the objects its process holds, one entry per object, written before
//               the first use; each message that carries handles has an entry per handle. An object
//               that neither names is freed, under family_lock. A process counts its own handles in
//               private memory; the list changes at 0 -> 1 and 1 -> 0 only.
// Death         A slot's certificate is held from before the process exists until it is dead.
//               Whoever notices a death sweeps: marks the slot, wakes who sleeps on the life word,
//               clears the list object by object. A sweep that is killed is done again. A death that
//               nobody notices, as of a child whose parent is dead too, is found once the memory in
//               use is a quarter, or a few MiB, above what it was at the last such look, or the table
//               of processes has doubled.
// Fork          pthread_atfork gives the child a slot, a certificate and a copy of the list before
//               it exists.
// Locks         A channel's locks -> local mutex -> family_lock -> alloc_lock; local mutex -> mailbox_lock.

#ifndef MP_INTERNAL_SHM_FAMILY_H_
#define MP_INTERNAL_SHM_FAMILY_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/shared_file.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/shm/arena.h"
#include "mp/internal/shm/deposits.h"

namespace mp::internal {

// This process as an owner, or nobody before it joined a family. Read on every fast path; changed
// by joining and by the fork handler only.
extern std::atomic<uint32_t> g_self;

class Family final : public Liveness {
 public:
  // The family of this process: joins the one that a parent handed over, or founds one. Throws
  // mp::OSError or mp::MemoryError. Never destroyed.
  static Family& get();
  // The same, null when there is none yet.
  static Family* current() noexcept;

  // Never nobody: joins first if need be.
  static Owner self() {
    uint32_t bits = g_self.load(std::memory_order_relaxed);
    return bits != 0 ? Owner{bits} : join_self();
  }

  Arena& arena() noexcept { return arena_; }
  ArenaHeader& header() noexcept { return arena_.header(); }
  template <class T>
  T* at(uint64_t offset) const noexcept {
    return arena_.at<T>(offset);
  }
  uint64_t offset_of(const void* p) const noexcept { return arena_.offset_of(p); }

  // -- Objects --

  // A new object of `size` bytes, its Block included, held once by this process. The first `clear`
  // bytes read 0, the Block aside; the rest is as it happens to be.
  absl::StatusOr<uint64_t> create(Kind kind, uint64_t size, uint64_t clear);
  absl::StatusOr<uint64_t> create(Kind kind, uint64_t size) { return create(kind, size, size); }
  // One more handle of this process.
  void hold(uint64_t object);
  // One handle less; the last one of the last process frees the object.
  void drop(uint64_t object) noexcept;
  // Part of `parent`, freed with it by its kind's destroy function.
  absl::StatusOr<uint64_t> create_part(Kind kind, uint64_t size, uint64_t parent,
                                       std::atomic<uint64_t>& intent);
  void free_part(uint64_t block) noexcept { arena_.free(block, self(), *this); }

  // What frees the parts of an object of `kind` before the object itself; `redo` after a death
  // midway, when chains can not be trusted. Set by static initialisers.
  using Destroy = void (*)(Family&, uint64_t object, bool redo);
  static void set_destroy(Kind kind, Destroy destroy) noexcept;
  // What is called with family_lock when a process has let go of an object of `kind` that others
  // hold still. Set by static initialisers.
  using LetGo = void (*)(Family&, uint64_t object);
  static void set_let_go(Kind kind, LetGo let_go) noexcept;
  // Frees every live block whose parent is `object`, by looking at all blocks.
  void free_all_parts(uint64_t object) noexcept;

  // A message with number `seq` of the channel `channel` carries a handle to `object`. The entry
  // counts until the channel's number of received messages, `*received >> 1`, is above `seq`. Call
  // before the message is published.
  absl::Status note_in_transit(uint64_t object, uint64_t channel, uint64_t seq,
                               const std::atomic<uint64_t>& received);
  // Forgets entries of `channel` from `from` on: messages that were never published.
  void forget_in_transit(uint64_t channel, uint64_t from) noexcept;

  // Message `seq` of `channel` is about to be received as a lease: it keeps what it carries, handles and descriptors,
  // until end_carried(). With the consumers' lock, as the next two.
  void lease_carried(uint64_t channel, uint64_t seq) noexcept;
  // Messages from `from` on were not received that way after all.
  void unlease_carried(uint64_t channel, uint64_t from,
                       const std::atomic<uint64_t>& received) noexcept;
  void end_carried(uint64_t channel, uint64_t seq) noexcept;

  // -- File descriptors inside messages; see Deposits --

  // Descriptor `token`, about to go into the mailbox, belongs to message `seq` of `channel`. Call before the message is
  // published, with the producers' lock. An OSError when there is no room.
  absl::Status note_deposit(uint64_t token, uint64_t channel, uint64_t seq,
                            const std::atomic<uint64_t>& received);
  // This process is about to commit the receive of the message and will fetch the descriptor. With the consumers' lock.
  void claim_deposit(uint64_t token) noexcept { deposits().claim(token, self()); }
  // It has it; or, `lost`, it could not fetch it.
  void end_deposit(uint64_t token, bool lost) noexcept;

  // What throws a descriptor away, false when it could not and it may still be there. Whether the producers' lock of a
  // channel was left by a dead process and nobody has settled that since; and what takes it over then. Set by static
  // initialisers.
  struct MessageHooks {
    bool (*discard)(uint64_t token) noexcept;
    bool (*abandoned)(Family&, uint64_t channel) noexcept;
    void (*recover)(Family&, uint64_t channel) noexcept;
  };
  static MessageHooks g_message_hooks;

  // -- Names of shared memory; family_names.cc --

  // Lists a whole Segment that this process holds: it now lives, used or not, until remove_name(),
  // or until its creator was killed and nobody holds it. False when the name is taken.
  bool add_name(uint64_t segment) noexcept;
  // Whether a Segment has that name.
  bool has_name(std::string_view name) noexcept;
  // The Segment of that name, held once by this process; 0 when there is none.
  absl::StatusOr<uint64_t> hold_named(std::string_view name);
  // Takes the name off; who holds the Segment keeps it. False when it has none (any more).
  absl::StatusOr<bool> remove_name(uint64_t segment, std::string_view name);

  // The family, as claims on files call it.
  uint64_t id() const noexcept { return id_; }
  // Open while this process makes or removes a named file: who finds a claim that does not hold
  // leaves it alone meanwhile, and looks for it after a death.
  class Naming {
   public:
    explicit Naming(Family& family) : slot_(family.slot(self())) {
      slot_.naming.fetch_add(Slot::kNaming, std::memory_order_seq_cst);
    }
    ~Naming() { slot_.naming.fetch_sub(Slot::kNaming, std::memory_order_seq_cst); }
    Naming(const Naming&) = delete;
    Naming& operator=(const Naming&) = delete;

   private:
    Slot& slot_;
  };
  // This process is about to claim a file.
  void note_claims() noexcept {
    header().files_made.store(1, std::memory_order_relaxed);
    slot(self()).naming.fetch_or(Slot::kMadeNames, std::memory_order_seq_cst);
  }
  // Removes the files of families of which nobody lives; once in the life of this family.
  void sweep_dead_families();
  // Ends the claim on the file of that name if its owner is dead; true when it is gone.
  bool sweep_file(const std::string& name);
  // This process ends in order: what it has named stays, until the last of the family ends.
  void leave() noexcept;

  // -- Processes --

  struct Child {
    Owner owner;
    UniqueFd certificate;  // keeps the slot alive until the child holds it
  };
  // A slot for a child about to be started. The child inherits the certificate's descriptor; when
  // nobody has it open any more the slot is dead. With `watched`, the slot stays after the death
  // until done_with() was called.
  absl::StatusOr<Child> reserve_child(bool watched);
  // Makes this process the one that watches `child`, a live member reserved without a watcher: as if
  // it had been reserved with `watched`. False when it is dead.
  bool watch_child(Owner child) noexcept;
  // The next fork() of this thread uses this slot instead of one of its own.
  void set_fork_child(Child child) noexcept;
  // The child holds `object` from now on.
  absl::Status give(Owner child, uint64_t object);
  // After a start was handed over: drops what was given but is not held. Called by the child.
  void settle() noexcept;

  // What a started program needs to join: the text of the environment variable kJoinVariable.
  // Descriptor numbers are those the child will see.
  static constexpr const char* kJoinVariable = "MP_FAMILY";
  std::string join_text(int arena_fd, int certificate_fd, Owner child) const;
  // A started program that can not join ends with this exit status plus the errno, and says why on
  // stderr: it could not tell its family in any other way.
  static constexpr int kCouldNotStart = 128;
  [[noreturn]] static void end_unstarted(int err, std::string_view why) noexcept;
  // Whether the child has joined, until done_with().
  bool has_joined(Owner child) const noexcept {
    return arena_.slot(child.slot()).pid.load(std::memory_order_acquire) != 0;
  }

  bool is_dead(Owner owner) noexcept override;
  const FutexWord* arm_life_word(Owner owner, uint32_t* alive_value) noexcept override;
  bool is_dying(Owner owner) noexcept override;
  UniqueFd let_go_on(Owner owner, absl::FunctionRef<bool()> holds) noexcept override;
  void relay_death(Owner owner) noexcept override;
  int64_t slice_ns() const noexcept override {
    return arena_.header().slice_ns.load(std::memory_order_relaxed);
  }
  void count_rescue() noexcept override {
    arena_.header().rescues.fetch_add(1, std::memory_order_relaxed);
  }

  Slot& slot(Owner owner) noexcept { return arena_.slot(owner.slot()); }
  // Frees what a dead process held. Does nothing for a live one. Cheap when it was done already. Not with a lock of a
  // channel.
  void sweep(Owner owner) noexcept;
  // Sweeps every dead process of the family. Not with a lock of a channel.
  void sweep_all() noexcept;
  // The creator will not ask for the exit status again: the slot may be given out anew once it is
  // swept.
  void done_with(Owner child) noexcept;

  // Somebody who holds `object`, `hint` if it does and one that has begun to run if there is one;
  // nobody when it is in messages only. Takes no lock: from the last fence before the call on, each
  // holder is found or lets go during the call, which set_let_go() tells. It may be dead, and if it
  // is, it may have held something else.
  Owner holder_of(uint64_t object, Owner hint) noexcept;

  // Objects this process holds, for leak checks: (offset, handles).
  void each_held(absl::FunctionRef<void(uint64_t object, uint32_t handles)> see);

 private:
  struct Held {
    uint32_t handles = 0;
    std::atomic<uint64_t>* entry = nullptr;
  };
  struct Holders;
  struct Transit;
  struct Tables;

  explicit Family(Arena arena) : arena_(std::move(arena)), id_(inode_of(arena_.fd())) {}
  static Family* found_or_join();
  static Owner join_self();
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;

  void become(Owner owner, UniqueFd certificate) noexcept;
  absl::StatusOr<Child> claim_slot(Owner me, Owner creator);
  absl::Status claim_and_become();
  absl::StatusOr<uint64_t> allocate(const Arena::Request& request, std::atomic<uint64_t>& intent);
  // Sweeps the dead if the family's memory has grown much since that was last done here.
  void sweep_grown() noexcept;
  Holders* page_at(uint64_t at, uint32_t slot) const noexcept;
  // Calls `see` for each entry of the list of `slot`, until it returns false.
  void each_entry(uint32_t slot, absl::FunctionRef<bool(std::atomic<uint64_t>&)> see);
  // Without family_lock.
  bool holds(uint32_t slot, uint64_t object) noexcept;
  // Entries of a list that nobody uses, so that an object costs no look at all others.
  struct Spare {
    std::vector<std::atomic<uint64_t>*> entries;
    bool looked = false;  // all that were free are in `entries`
  };
  // A free entry in the list of `slot`, which grows if need be. `spare` is the list's.
  absl::StatusOr<std::atomic<uint64_t>*> free_entry(uint32_t slot, Spare& spare);
  void forget_list(uint32_t slot) noexcept;
  Deposits deposits() const noexcept { return Deposits(arena_); }
  // Throws orphans away.
  void discard_orphans() noexcept;
  // After deaths: finds what the dead had in the mailbox and in messages that they have not published.
  void settle_messages() noexcept;
  // sweep(), sweep_all() without that: allowed with mutex_ held.
  void sweep_one(Owner owner) noexcept;
  void sweep_dead() noexcept;
  void lock_family() noexcept;
  void unlock_family() noexcept;
  // See Reachability.
  void write_entry(std::atomic<uint64_t>& entry, uint64_t object) noexcept;
  // All with family_lock held.
  bool listed(uint64_t object) noexcept;
  void release_entry(std::atomic<uint64_t>& entry, bool certain) noexcept;
  Transit* transit_at(uint64_t at) const noexcept;
  void sweep_locked(uint32_t slot) noexcept;
  void sweep_names(uint32_t slot, Owner dead) noexcept;
  // Who has this slot, reserved or live; nobody when it is free or swept.
  Owner live_owner(uint32_t slot) const noexcept;
  uint64_t find_name(std::string_view name) noexcept;
  void forget_name(uint64_t segment) noexcept;
  bool certified(uint32_t slot) const noexcept;

  // The local mutex held.
  absl::Status hold_locked(uint64_t object);

  Arena arena_;
  const uint64_t id_;
  UniqueFd certificate_;
  std::mutex mutex_;
  absl::flat_hash_map<uint64_t, Held> held_;
  Spare spare_;  // of our own list
  std::optional<Child> fork_child_;
};

// Owner bits of this process for a fast path that has a family already.
inline Owner self() { return Family::self(); }

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_FAMILY_H_
