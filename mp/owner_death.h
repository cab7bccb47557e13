// mp/owner_death.h
//
// OnOwnerDeath: what a lock or a semaphore does about a process that died holding it.
//
//   mp::Lock ledger({.on_owner_death = mp::kRefuse});
//   try {
//     std::scoped_lock hold(ledger);
//   } catch (const mp::OwnerDied&) {
//     repair_what_it_guards();
//     ledger.recover();
//   }
//
// Handles   A value, chosen when the lock or semaphore is made; it holds for all its handles.
// Cost      kNever saves a look at the owner's life when a lock is waited for.
// Death     This is what it is about.
// Crossing  With the lock or semaphore.
// Python    New: there everybody waits for ever, which is what kNever does.

#ifndef MP_OWNER_DEATH_H_
#define MP_OWNER_DEATH_H_

#include <cstdint>

namespace mp {

enum class OnOwnerDeath : uint8_t {
  kReport,  // it is taken all the same, and owner_died() is true
  kRefuse,  // acquire() throws mp::OwnerDied and takes nothing, until recover()
  kNever,   // nothing: for locks that one process takes and another releases
};

inline constexpr OnOwnerDeath kReport = OnOwnerDeath::kReport;
inline constexpr OnOwnerDeath kRefuse = OnOwnerDeath::kRefuse;
inline constexpr OnOwnerDeath kNever = OnOwnerDeath::kNever;

// Of Lock and RLock.
struct LockOptions {
  OnOwnerDeath on_owner_death = kReport;
};

}  // namespace mp

#endif  // MP_OWNER_DEATH_H_
