// mp/internal/park/liveness.h
//
// What sleeping on an owned word needs to know about owners; the family implements it.

#ifndef MP_INTERNAL_PARK_LIVENESS_H_
#define MP_INTERNAL_PARK_LIVENESS_H_

#include "absl/functional/function_ref.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

class Liveness {
 public:
  // True only when the kernel says that the owner is gone; a stopped process is alive.
  virtual bool is_dead(Owner owner) noexcept = 0;

  // A word that changes, and is woken, when the owner dies, with the value it has while the owner
  // lives. Null when there is none; then only slices notice. It is a hint: is_dead() decides.
  virtual const FutexWord* arm_life_word(Owner owner, uint32_t* alive_value) noexcept = 0;

  // The owner is about to be dead: its life word has changed, which comes before is_dead(). May stay
  // true for a live one that has only lost the thread which held the word.
  virtual bool is_dying(Owner) noexcept { return false; }

  // If the owner lives, is stopped by a signal, and `holds()` what it is to let go of, continues it and returns its pidfd.
  virtual UniqueFd let_go_on(Owner, absl::FunctionRef<bool()>) noexcept { return UniqueFd(); }

  // Passes on the wake that the kernel gives to one sleeper only.
  virtual void relay_death(Owner owner) noexcept = 0;

  // The longest single sleep, in nanoseconds, and the count of sleeps that ended by it although the
  // word had changed.
  virtual int64_t slice_ns() const noexcept = 0;
  virtual void count_rescue() noexcept = 0;

 protected:
  ~Liveness() = default;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_LIVENESS_H_
