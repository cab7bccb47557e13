#include "mp/internal/sync/atomics.h"
#include "mp/testing/contended.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/lock_scenes.h"
#include "mp/testing/planted.h"

namespace mp::testing {

using internal::Bug;
using internal::RealAtomics;

void add_locks(Suite& suite) {
  using L = PublicLock<Lock>;
  using R = PublicLock<RLock>;
  using Old = CoreLock<RealAtomics, /*kLifeWords=*/false>;
  suite.add<LockFree<L>>({Mode::kKill, Mode::kRecovery});
  suite.add<LockFreeTwice<R>>({Mode::kKill, Mode::kRecovery});
  suite.add<Contended<LockFree<L>>>(Mode::kPause);
  suite.add<Contended<LockFree<R>>>(Mode::kPause);
  suite.add<LockPollHeld<L>>(Mode::kKill);
  suite.add<LockPollHeld<R>>(Mode::kKill);
  suite.add<LockWokenSleeper<L>>({Mode::kKill, Mode::kRecovery});
  suite.add<LockWokenSleeper<R>>({Mode::kKill, Mode::kRecovery});
  suite.add<LockWokenSleeper<L>>(Mode::kKill, true);
  suite.add<LockReleaseWithSleepers<L>>({Mode::kKill, Mode::kRecovery}, 1);
  suite.add<LockReleaseWithSleepers<L>>({Mode::kKill, Mode::kRecovery}, 2);
  suite.add<LockReleaseWithSleepers<R>>({Mode::kKill, Mode::kRecovery}, 1);
  suite.add<LockReleaseBesideOneAboutToSleep<L>>({Mode::kKill, Mode::kPause});
  suite.add<LockRepairBesideOneAboutToSleep<RealAtomics>>({Mode::kKill, Mode::kPause});
  suite.add<LockReleaseWithSleepers<Old>>({Mode::kKill, Mode::kRecovery}, 1, true);

  suite.plant("waiter information cleared on unlock",
              {plan<LockWokenSleeper<CoreLock<Buggy<Bug::kClearWaitersOnUnlock>>>>(Mode::kKill)});
  suite.plant("wake before changing the word",
              {plan<LockReleaseBesideOneAboutToSleep<CoreLock<Buggy<Bug::kWakeBeforeChange>>>>(
                  Mode::kPause)});
  suite.plant("waiters counted down for the dead",
              {plan<LockReleaseWithSleepers<CoreLock<Buggy<Bug::kCountDownForDead>, false>>>(
                  Mode::kKill, 1, true)});
}

}  // namespace mp::testing
