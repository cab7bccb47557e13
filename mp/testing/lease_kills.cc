#include "mp/internal/sync/atomics.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/lease_scenes.h"
#include "mp/testing/planted.h"

namespace mp::testing {

using internal::Bug;

void add_leases(Suite& suite) {
  using L = PublicLeases<>;
  using Carrying = PublicLeases<Laden>;
  using T = PublicTasks;
  constexpr Mode kKill = Mode::kKill;
  constexpr Mode kRecovery = Mode::kRecovery;
  for (LeaseState state : {LeaseState::kFirst, LeaseState::kQueued, LeaseState::kCrossing,
                           LeaseState::kLarge, LeaseState::kReturned, LeaseState::kOfTheDead}) {
    suite.add<LeaseGet<L>>({kKill, kRecovery}, state);
  }
  suite.add<LeaseGet<Carrying>>({kKill, kRecovery}, LeaseState::kQueued, true);
  suite.add<LeaseGetWoken<L>>({kKill, kRecovery}, false);
  suite.add<LeaseGetWoken<L>>({kKill, kRecovery}, true);
  suite.add<LeaseFinish<L>>({kKill, kRecovery}, "small message");
  suite.add<LeaseFinish<L>>({kKill, kRecovery}, "large message", true);
  suite.add<LeaseFinish<Carrying>>({kKill, kRecovery}, "carries a Lock");
  suite.add<LeaseGiveBack<L>>({kKill, kRecovery}, false, false);
  suite.add<LeaseGiveBack<L>>({kKill, kRecovery}, false, true);
  suite.add<LeaseGiveBack<L>>(kKill, false, true, true);
  suite.add<LeaseGiveBack<L>>({kKill, kRecovery}, true, true);
  suite.add<LeaseGiveBack<Carrying>>(kKill, true, false);
  suite.add<LeaseSweep<L>>({kKill, kRecovery});
  suite.add<LeaseSweep<Carrying>>({kKill, kRecovery});
  suite.add<LeaseGet<T>>({kKill, kRecovery}, LeaseState::kQueued);
  suite.add<LeaseFinish<T>>({kKill, kRecovery}, "the last, one joins", false, true);
  suite.add<LeaseFinish<T>>(kKill, "the last, large, one joins", true, true);
  suite.add<LeaseFinish<T>>({kKill, kRecovery}, "another waits, one joins", false, true, true);
  for (Whose whose : {Whose::kOfAnother, Whose::kCameBack, Whose::kWaits}) {
    suite.add<TaskFinishAny<T>>({kKill, kRecovery}, whose);
  }
  suite.add<TaskFinishContended<T>>(Mode::kPause);
  suite.add<TaskSweepContended<T>>(Mode::kPause);
  suite.add<TaskJoin<T>>({kKill, kRecovery}, false);
  suite.add<TaskJoin<T>>({kKill, kRecovery}, true);
  suite.add<TaskJoinContended<T>>(Mode::kPause);
  for (bool immediate : {false, true}) {
    for (bool full : {false, true}) {
      suite.add<LeaseShutdown<T>>({kKill, kRecovery}, immediate, full);
    }
  }

  suite.plant(
      "lease: named after the commit",
      {plan<LeaseGet<CoreLeases<Buggy<Bug::kLeaseAfterCommit>>>>(kKill, LeaseState::kQueued)});
  suite.plant(
      "lease: of the dead, not returned: nobody knew whom to watch",
      {plan<LeaseGet<CoreLeases<Buggy<Bug::kWatchLesseeLate>>>>(kKill, LeaseState::kQueued)});
  suite.plant("lease: of the dead, returned twice: as an entry and as a message",
              {plan<LeaseGet<CoreLeases<Buggy<Bug::kLeaveUntaken>>>>(kKill, LeaseState::kQueued)});
  suite.plant("lease: given back, and nobody is told",
              {plan<LeaseGiveBack<CoreLeases<Buggy<Bug::kReturnUntold>>>>(kKill, false, true)});
  suite.plant(
      "lease: freed before it is acknowledged",
      {plan<LeaseFinish<CoreLeases<Buggy<Bug::kFreeBeforeAcknowledge>>>>(kKill, "small message")});
  suite.plant("lease: an acknowledgement lost to a sweep",
              {plan<TaskSweepContended<CoreLeases<Buggy<Bug::kReturnByStore>>>>(Mode::kPause)});
  suite.plant(
      "task: two finish the same one",
      {plan<TaskFinishContended<CoreLeases<Buggy<Bug::kAcknowledgeByStore>>>>(Mode::kPause)});
  suite.plant(
      "task: join() looks at what is leased first",
      {plan<TaskJoinContended<CoreLeases<Buggy<Bug::kFinishedByLeasesFirst>>>>(Mode::kPause)});
}

}  // namespace mp::testing
