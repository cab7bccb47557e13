// Names of shared memory. Those of Segments are a list in the arena; those of files, see
// os/shared_file.h, are claimed in the name of the family and of the process that made them.
//
// Ends of both, one rule: remove_name() and unname end a name at once. When its creator was killed,
// the sweep ends it if nobody uses the memory. What a process that ended in order has made, and what
// is still used, stays as long as the family; the last of it takes the names of files along.

#include <cstdlib>
#include <string>
#include <vector>

#include "mp/internal/park/lock.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/shm/segment.h"

namespace mp::internal {
namespace {

constexpr Owner kNobody{};

// Runs after the handlers that the program registers, which may wait for children. What mp starts
// does not come here: its last steps call leave() themselves.
[[maybe_unused]] const bool g_leaves_at_exit = std::atexit([] {
                                                 if (Family* family = Family::current()) {
                                                   family->leave();
                                                 }
                                               }) == 0;

}  // namespace

// With family_lock held.
uint64_t Family::find_name(std::string_view name) noexcept {
  uint64_t at = header().names.load(std::memory_order_relaxed);
  while (at != 0) {
    auto* segment = arena_.at<Segment>(at);
    if (segment->linked.load(std::memory_order_relaxed) != 0 && segment->name() == name) {
      return at;
    }
    at = segment->next.load(std::memory_order_relaxed);
  }
  return 0;
}

bool Family::add_name(uint64_t at) noexcept {
  lock_family();
  auto* segment = arena_.at<Segment>(at);
  bool is_free = find_name(segment->name()) == 0;
  if (is_free) {
    // From here on nobody may free it without a look at who else names it.
    segment->block.flags.fetch_or(Block::kShared, std::memory_order_relaxed);
    segment->next.store(header().names.load(std::memory_order_relaxed), std::memory_order_relaxed);
    // sync: listed: a whole Segment only, also after our death.
    header().names.store(at, std::memory_order_release);
    segment->linked.store(1, std::memory_order_release);
  }
  unlock_family();
  return is_free;
}

bool Family::has_name(std::string_view name) noexcept {
  lock_family();
  bool found = find_name(name) != 0;
  unlock_family();
  return found;
}

absl::StatusOr<uint64_t> Family::hold_named(std::string_view name) {
  self();
  std::lock_guard guard(mutex_);
  lock_family();
  uint64_t at = find_name(name);
  absl::Status held = at != 0 ? hold_locked(at) : absl::OkStatus();
  unlock_family();
  if (!held.ok()) {
    return held;
  }
  return at;
}

absl::StatusOr<bool> Family::remove_name(uint64_t segment, std::string_view name) {
  {
    self();
    std::lock_guard guard(mutex_);
    lock_family();
    uint64_t at = find_name(name);
    // Held by this process while it has no other name, so that a death leaves it to the sweep.
    absl::Status held = at != 0 && at == segment ? hold_locked(at) : absl::OkStatus();
    bool found = at != 0 && at == segment && held.ok();
    if (found) {
      arena_.at<Segment>(at)->linked.store(0, std::memory_order_release);
      forget_name(at);
    }
    unlock_family();
    if (!held.ok()) {
      return held;
    }
    if (!found) {
      return false;
    }
  }
  drop(segment);
  return true;
}

// Takes a Segment off the list, if it is there.
void Family::forget_name(uint64_t segment) noexcept {
  std::atomic<uint64_t>* link = &header().names;
  for (uint64_t at = link->load(std::memory_order_relaxed); at != 0;
       at = link->load(std::memory_order_relaxed)) {
    auto* here = arena_.at<Segment>(at);
    if (at == segment) {
      link->store(here->next.load(std::memory_order_relaxed), std::memory_order_release);
      return;
    }
    link = &here->next;
  }
}

// With family_lock held; the list of the dead has been cleared.
void Family::sweep_names(uint32_t slot, Owner dead) noexcept {
  Slot& s = arena_.slot(slot);
  uint32_t naming = s.naming.load(std::memory_order_seq_cst);
  bool left = (naming & Slot::kLeft) != 0;
  for (uint64_t at = header().names.load(std::memory_order_relaxed); at != 0;) {
    auto* segment = arena_.at<Segment>(at);
    uint64_t next = segment->next.load(std::memory_order_relaxed);
    if (Owner{segment->owner.load(std::memory_order_relaxed)} == dead) {
      if (left || listed(at)) {
        segment->owner.store(kNobody.bits, std::memory_order_relaxed);
      } else {
        // In the list of the dead while it has no other name: should we die, this is done again.
        s.objects[0].store(at, std::memory_order_release);
        segment->linked.store(0, std::memory_order_relaxed);
        release_entry(s.objects[0], false);
      }
    }
    at = next;
  }
  if (naming == 0 || naming == Slot::kLeft) {
    return;
  }
  for (const Claim& claim : all_claims()) {
    if (claim.family != id_) {
      continue;
    }
    Owner owner{claim.owner};
    if (owner == dead && !left) {
      end_claim(claim, false);
    } else if (!claim_holds(claim) &&
               (owner == dead || is_dead(owner) ||
                this->slot(owner).naming.load(std::memory_order_seq_cst) < Slot::kNaming)) {
      // Its file is gone, and not about to come: whoever removed it has died before he was done.
      remove_claim(claim.inode);
    }
  }
}

void Family::sweep_dead_families() {
  if (header().names_looked.exchange(1, std::memory_order_relaxed) != 0) {
    return;
  }
  for (const Claim& claim : all_claims()) {
    if (claim.family != id_ && !family_lives(claim.family, arena_.fd())) {
      end_claim(claim, false);
    }
  }
}

bool Family::sweep_file(const std::string& name) {
  for (const Claim& claim : all_claims()) {
    if (claim.name != name || !claim_holds(claim)) {
      continue;
    }
    if (claim.family != id_) {
      return !family_lives(claim.family, arena_.fd()) && end_claim(claim, false);
    }
    sweep(Owner{claim.owner});
    return !claim_holds(claim);
  }
  return false;
}

void Family::leave() noexcept {
  Owner me{g_self.load(std::memory_order_relaxed)};
  if (!me) {
    return;
  }
  slot(me).naming.fetch_or(Slot::kLeft, std::memory_order_seq_cst);
  if (header().files_made.load(std::memory_order_relaxed) == 0) {
    return;
  }
  lock_family();
  bool last = true;
  uint32_t used = header().slots_used.load(std::memory_order_acquire);
  for (uint32_t i = 1; i <= used && last; ++i) {
    Owner owner = live_owner(i);
    last = !owner || owner == me ||
           (slot(owner).naming.load(std::memory_order_seq_cst) & Slot::kLeft) != 0 ||
           is_dead(owner);
  }
  if (last) {
    for (const Claim& claim : all_claims()) {
      if (claim.family == id_) {
        end_claim(claim, true);
      }
    }
  }
  unlock_family();
}

}  // namespace mp::internal
