#include "mp/testing/kill_suite.h"
#include "mp/testing/listen_scenes.h"
#include "mp/testing/planted.h"
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
  suite.add<SendToDescriptor<>>({kKill, kRecovery}, false);
  suite.add<SendToDescriptor<>>({kKill, kRecovery}, true);
  suite.add<SendToDescriptor<>>(Mode::kPause, false);
  suite.add<AskForDescriptor>({kKill, kRecovery}, false);
  suite.add<AskForDescriptor>(kKill, true);
  using How = ReceiveWithDescriptor::How;
  for (How how : {How::kRecv, How::kBytesInto, How::kPoll}) {
    suite.add<ReceiveWithDescriptor>({kKill, kRecovery}, how);
  }
  suite.add<WaitForMessage>({kKill, kRecovery});
  suite.add<Silence<>>(Mode::kPause);
  suite.add<SilenceAndDie>({kKill, kRecovery});

  suite.plant(
      "bell rung before publish",
      {plan<SendToDescriptor<Buggy<internal::Bug::kRingBeforePublish>>>(Mode::kPause, false)});
  suite.plant("no look after the last one without the lock",
              {plan<Silence<internal::Bug::kListenLate>>(Mode::kPause)});
}

}  // namespace mp::testing
