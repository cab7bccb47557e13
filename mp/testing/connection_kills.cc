#include "mp/testing/kill_suite.h"
#include "mp/testing/queue_scenes.h"

namespace mp::testing {

void add_connections(Suite& suite) {
  using P = PublicPipe;
  constexpr Mode kKill = Mode::kKill;
  constexpr Mode kRecovery = Mode::kRecovery;
  for (QueueState state : {QueueState::kEmpty, QueueState::kWrapping, QueueState::kLarge}) {
    suite.add<QueuePut<P>>({kKill, kRecovery}, state);
  }
  for (QueueState state : {QueueState::kQueued, QueueState::kWrapping, QueueState::kLarge}) {
    suite.add<QueueGet<P>>({kKill, kRecovery}, state);
  }
  suite.add<PipeSendFull>({kKill, kRecovery});
  suite.add<QueueGetEmpty<P>>({kKill, kRecovery}, true);
  suite.add<QueuePutBesideSleeper<P>>({kKill, kRecovery});
  suite.add<PipeSendLastHolder>({kKill, kRecovery});
  suite.add<PipeClose>(kKill, true);
  suite.add<PipeClose>(kKill, false);
}

}  // namespace mp::testing
