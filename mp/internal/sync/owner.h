// mp/internal/sync/owner.h
//
// Owner: who holds something, in 31 bits. A slot of the process table and the slot's generation:
// never a pid, which the kernel gives out again.

#ifndef MP_INTERNAL_SYNC_OWNER_H_
#define MP_INTERNAL_SYNC_OWNER_H_

#include <cstdint>

namespace mp::internal {

struct Owner {
  static constexpr uint32_t kSlotBits = 12;
  static constexpr uint32_t kSlots = 1u << kSlotBits;
  static constexpr uint32_t kGenerationMask = (1u << (31 - kSlotBits)) - 1;

  uint32_t bits = 0;  // 0: nobody; slot 0 is never given out

  static constexpr Owner of(uint32_t slot, uint32_t generation) noexcept {
    return Owner{slot | (generation & kGenerationMask) << kSlotBits};
  }
  constexpr uint32_t slot() const noexcept { return bits & (kSlots - 1); }
  constexpr uint32_t generation() const noexcept { return bits >> kSlotBits; }
  constexpr explicit operator bool() const noexcept { return bits != 0; }
  friend constexpr bool operator==(Owner, Owner) noexcept = default;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_SYNC_OWNER_H_
