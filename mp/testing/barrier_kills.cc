#include "mp/testing/barrier_scenes.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"

namespace mp::testing {

using internal::Bug;

void add_barriers(Suite& suite) {
  using B = PublicBarrier;
  suite.add<BarrierWaitLast<B>>({Mode::kKill, Mode::kRecovery}, 1);
  suite.add<BarrierWaitLast<B>>({Mode::kKill, Mode::kRecovery}, 2);
  suite.add<BarrierWaitLast<B>>({Mode::kKill, Mode::kRecovery}, 2, true);
  suite.add<BarrierWaitLast<B>>({Mode::kKill, Mode::kRecovery}, 3, false);
  suite.add<BarrierWaitLast<B>>(Mode::kKill, 1, false, 1);
  suite.add<BarrierWaitEarly<B>>({Mode::kKill, Mode::kRecovery}, 0);
  suite.add<BarrierWaitEarly<B>>({Mode::kKill, Mode::kRecovery}, 1);
  suite.add<BarrierWaitEarly<B>>({Mode::kKill, Mode::kRecovery}, 0, 1);
  suite.add<BarrierContended<B>>(Mode::kPause, 1);
  suite.add<BarrierContended<B>>(Mode::kPause, 2);
  suite.add<BarrierAbort<B>>({Mode::kKill, Mode::kRecovery}, 2);
  suite.add<BarrierAbort<B>>({Mode::kKill, Mode::kRecovery}, 0, 1);
  suite.add<BarrierReset<B>>({Mode::kKill, Mode::kRecovery}, 2);
  suite.add<BarrierReset<B>>({Mode::kKill, Mode::kRecovery}, 0, true);
  suite.add<BarrierFindsADeath<B>>({Mode::kKill, Mode::kRecovery}, true);
  suite.add<BarrierFindsADeath<B>>({Mode::kKill, Mode::kRecovery}, false);
  for (BarrierEnd end :
       {BarrierEnd::kLast, BarrierEnd::kLastWithAction, BarrierEnd::kAbort, BarrierEnd::kReset}) {
    suite.add<BarrierBesideOneAboutToSleep<B>>({Mode::kKill, Mode::kPause}, end);
  }

  // In a full round without an action the one about to sleep would end it itself.
  using WakesFirst = CoreBarrier<Buggy<Bug::kWakeBeforeChange>>;
  suite.plant(
      "Barrier: wake before the change",
      {plan<BarrierBesideOneAboutToSleep<WakesFirst>>(Mode::kPause, BarrierEnd::kLastWithAction),
       plan<BarrierBesideOneAboutToSleep<WakesFirst>>(Mode::kPause, BarrierEnd::kAbort)});
  suite.plant("Barrier: the last one does not ask whether all live",
              {plan<BarrierWaitEarly<CoreBarrier<Buggy<Bug::kPassWithTheDead>>>>(Mode::kKill, 0)});
}

}  // namespace mp::testing
