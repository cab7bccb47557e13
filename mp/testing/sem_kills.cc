#include "mp/internal/sync/atomics.h"
#include "mp/testing/contended.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"
#include "mp/testing/sem_scenes.h"

namespace mp::testing {

using internal::Bug;

void add_semaphores(Suite& suite) {
  using S = PublicSemaphore<Semaphore>;
  using B = PublicSemaphore<BoundedSemaphore>;
  suite.add<SemFree<S>>({Mode::kKill, Mode::kRecovery}, 1, 0);
  suite.add<SemFree<S>>({Mode::kKill, Mode::kRecovery}, 3, 1);
  suite.add<SemFree<B>>({Mode::kKill, Mode::kRecovery}, 3, 1);
  suite.add<Contended<SemFree<S>>>(Mode::kPause, 1, 0);
  suite.add<Contended<SemFree<B>>>(Mode::kPause, 1, 0);
  suite.add<SemAgain<S>>({Mode::kKill, Mode::kRecovery});
  suite.add<SemAgain<B>>(Mode::kKill);
  suite.add<SemPollNone<S>>(Mode::kKill);
  suite.add<SemGiveBack<S>>(Mode::kKill, true);
  suite.add<SemGiveBack<S>>({Mode::kKill, Mode::kRecovery}, false);
  suite.add<SemWokenSleeper<S>>({Mode::kKill, Mode::kRecovery});
  suite.add<SemWokenSleeper<B>>(Mode::kKill);
  suite.add<SemSleeperOfDeadHolder<S>>({Mode::kKill, Mode::kRecovery});
  suite.add<SemReleaseWithSleepers<S>>({Mode::kKill, Mode::kRecovery}, 1);
  suite.add<SemReleaseWithSleepers<S>>({Mode::kKill, Mode::kRecovery}, 2);
  suite.add<SemReleaseWithSleepers<B>>(Mode::kKill, 1);

  suite.plant("semaphore: permits of the dead come back twice",
              {plan<SemGiveBack<CoreSemaphore<Buggy<Bug::kGiveBackTwice>>>>(Mode::kKill, false)});
  suite.plant(
      "semaphore: the mover is forgotten",
      {plan<SemFree<CoreSemaphore<Buggy<Bug::kMoveWithoutRecord>>>>(Mode::kKill, 3, 1),
       plan<SemGiveBack<CoreSemaphore<Buggy<Bug::kMoveWithoutRecord>>>>(Mode::kKill, false)});
  suite.plant(
      "semaphore: waiter information cleared on release",
      {plan<SemWokenSleeper<CoreSemaphore<Buggy<Bug::kClearWaitersOnUnlock>>>>(Mode::kKill)});
}

}  // namespace mp::testing
