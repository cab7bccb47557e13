#include "mp/testing/condition_scenes.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"

namespace mp::testing {

using internal::Bug;

void add_conditions(Suite& suite) {
  using C = PublicCondition<Lock>;
  using R = PublicCondition<RLock>;
  constexpr Mode kKill = Mode::kKill;
  constexpr Mode kRecovery = Mode::kRecovery;
  suite.add<ConditionWait<C>>({kKill, kRecovery}, CondWait::kNotified);
  suite.add<ConditionWait<R>>(kKill, CondWait::kNotified);
  suite.add<ConditionWait<C>>({kKill, kRecovery}, CondWait::kNotifiedLockHeld);
  suite.add<ConditionWait<C>>({kKill, kRecovery}, CondWait::kTimedOut);
  suite.add<ConditionNotifyNobody<C>>(kKill, false);
  suite.add<ConditionNotifyNobody<C>>(kKill, true);
  suite.add<ConditionNotify<C>>({kKill, kRecovery}, false);
  suite.add<ConditionNotify<C>>({kKill, kRecovery, Mode::kPause}, true);
  suite.add<ConditionNotify<R>>(kKill, false);
  suite.add<ConditionNotify<R>>(kKill, true);
  suite.add<ConditionNotifyBesideDead<C>>({kKill, kRecovery, Mode::kPause});

  suite.plant("a dead waiter eats a notification",
              {plan<ConditionNotifyBesideDead<CoreCondition<Buggy<Bug::kNotifyTheDead>>>>(kKill)});
}

}  // namespace mp::testing
