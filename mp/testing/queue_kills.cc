#include "mp/testing/carry_scenes.h"
#include "mp/testing/fd_scenes.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"
#include "mp/testing/queue_scenes.h"

namespace mp::testing {

using internal::Bug;
using internal::RealAtomics;

void add_queues(Suite& suite) {
  using Q = PublicQueue;
  using Core = CoreQueue<RealAtomics>;
  constexpr Mode kKill = Mode::kKill;
  constexpr Mode kRecovery = Mode::kRecovery;
  for (QueueState state : {QueueState::kEmpty, QueueState::kQueued, QueueState::kWrapping,
                           QueueState::kLarge, QueueState::kGrowing}) {
    suite.add<QueuePut<Q>>({kKill, kRecovery}, state);
    if (state != QueueState::kEmpty && state != QueueState::kGrowing) {
      suite.add<QueueGet<Q>>({kKill, kRecovery}, state);
      // Looks at what the getter had of the message.
      suite.add<QueueGet<Core>>(kKill, state);
    }
  }
  for (bool wait : {false, true}) {
    suite.add<QueuePutFull<Q>>({kKill, kRecovery}, wait);
    suite.add<QueueGetEmpty<Q>>({kKill, kRecovery}, wait);
  }
  suite.add<QueuePutBesideSleeper<Q>>({kKill, kRecovery});
  suite.add<QueueGetBesideSleeper<Q>>({kKill, kRecovery});
  suite.add<QueuePutMany<Q>>({kKill, kRecovery});
  suite.add<QueueGetMany<Q>>({kKill, kRecovery});
  suite.add<CarryPut<PublicCarrier>>({kKill, kRecovery});
  suite.add<CarryGet<PublicCarrier>>({kKill, kRecovery, Mode::kPause});
  suite.add<CarryGet<ObjectCarrier>>({kKill, Mode::kPause});
  suite.add<FdPut<>>({kKill, kRecovery});
  suite.add<FdGet>({kKill, kRecovery});

  suite.plant("publish before copy", {plan<QueuePut<CoreQueue<Buggy<Bug::kPublishBeforeCopy>>>>(
                                         kKill, QueueState::kEmpty)});
  suite.plant(
      "commit before copy-out",
      {plan<QueueGet<CoreQueue<Buggy<Bug::kCommitBeforeCopyOut>>>>(kKill, QueueState::kQueued)});
  suite.plant("recovery not idempotent",
              {plan<QueuePut<CoreQueue<Buggy<Bug::kRecoveryNotIdempotent>>>>(kRecovery,
                                                                             QueueState::kQueued)});
  suite.plant("reference dropped before use ends",
              {plan<CarryGet<CoreCarrier<Buggy<Bug::kDropBeforeUseEnds>>>>(Mode::kPause)});
  suite.plant("an orphan descriptor forgotten", {plan<FdPut</*kForgetful=*/true>>(kKill)});
}

}  // namespace mp::testing
