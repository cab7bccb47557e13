#include "mp/testing/kill_suite.h"
#include "mp/testing/pool_scenes.h"

namespace mp::testing {

void add_pools(Suite& suite) {
  using internal::PoolBug;
  suite.add<PoolServe>({Mode::kKill, Mode::kPause}, PoolTask::kPlain);
  suite.add<PoolServe>(Mode::kKill, PoolTask::kCarrying);
  suite.add<PoolServe>(Mode::kKill, PoolTask::kTakenBack);

  // pool_planted_test has kHandlesLeftInMessage: the sweep of a death finds what this leaves.
  suite.plant("a task is begun unsaid",
              {plan<PoolServe>(Mode::kKill, PoolTask::kPlain, PoolBug::kBegunUnsaid)});
  suite.plant("told before there is a result",
              {plan<PoolServe>(Mode::kPause, PoolTask::kPlain, PoolBug::kToldBeforeSent)});
}

}  // namespace mp::testing
