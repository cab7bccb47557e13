#include "mp/internal/sync/atomics.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"
#include "mp/testing/queue_scenes.h"

namespace mp::testing {

using internal::Bug;
using internal::RealAtomics;

void add_queues(Suite& suite) {
  for (QueueState state :
       {QueueState::kEmpty, QueueState::kQueued, QueueState::kWrapping, QueueState::kLarge}) {
    suite.add<QueuePut<RealAtomics>>({Mode::kKill, Mode::kRecovery}, state);
    if (state != QueueState::kEmpty) {
      suite.add<QueueGet<RealAtomics>>({Mode::kKill, Mode::kRecovery}, state);
    }
  }
  suite.plant("publish before copy",
              {plan<QueuePut<Buggy<Bug::kPublishBeforeCopy>>>(Mode::kKill, QueueState::kEmpty)});
  suite.plant("commit before copy-out",
              {plan<QueueGet<Buggy<Bug::kCommitBeforeCopyOut>>>(Mode::kKill, QueueState::kQueued)});
  suite.plant("recovery not idempotent", {plan<QueuePut<Buggy<Bug::kRecoveryNotIdempotent>>>(
                                             Mode::kRecovery, QueueState::kQueued)});
}

}  // namespace mp::testing
