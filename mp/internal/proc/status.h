// mp/internal/proc/status.h
//
// The exit status of a process in its slot: one word that says what, who says so, and of which generation of the slot.
//
// Values  0            unknown
//         begun()      no status: the process is what its parent asked for, and about to run its function
//         kOwnWord     what the process itself announced right before it ended
//         kReaped      what wait() reported to the fork server that reaped it: takes the place of the process's own word.
//                      Who waits for the process takes the first of the two that it sees
// Death   One store each. A process that is killed after its own word and before its end ended as it said. A word of another
//         generation counts as unknown: a reaper that was stopped between its wait() and its store can be so late that the
//         slot has a new process.

#ifndef MP_INTERNAL_PROC_STATUS_H_
#define MP_INTERNAL_PROC_STATUS_H_

#include <cstdint>

#include "mp/internal/shm/layout.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

struct StatusWord {
  static constexpr uint32_t kReaped = Slot::kStatusKnown;
  static constexpr uint32_t kOwnWord = 1u << 30;
  static constexpr uint32_t kAny = kReaped | kOwnWord;

  static constexpr uint32_t begun(Owner owner) noexcept { return make(owner, 0, 1); }

  static constexpr uint32_t make(Owner owner, uint32_t who, int status) noexcept {
    return who | (owner.generation() & kTag) << 16 | (static_cast<uint32_t>(status) & 0xffff);
  }
  // Whether `word` is what `who` said of `owner`.
  static constexpr bool is(uint32_t word, Owner owner, uint32_t who) noexcept {
    return (word & who) != 0 && (word >> 16 & kTag) == (owner.generation() & kTag);
  }
  static constexpr int status_of(uint32_t word) noexcept { return static_cast<int>(word & 0xffff); }

 private:
  static constexpr uint32_t kTag = (1u << 14) - 1;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_STATUS_H_
