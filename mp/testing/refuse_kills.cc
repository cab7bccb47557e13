#include "mp/internal/sync/atomics.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"
#include "mp/testing/refuse_scenes.h"

namespace mp::testing {
namespace {

using internal::Bug;
using internal::Kind;
using internal::RealAtomics;

template <class Api>
void add_refusing(Suite& suite) {
  suite.add<RefuseFree<Api>>({Mode::kKill, Mode::kRecovery});
  suite.add<RefuseRelease<Api>>({Mode::kKill, Mode::kRecovery});
  suite.add<RefuseOwnerDies<Api>>({Mode::kKill, Mode::kRecovery, Mode::kPause});
  suite.add<RefuseOwnerDies<Api>>({Mode::kKill, Mode::kRecovery}, true);
  suite.add<RefuseMarked<Api>>({Mode::kKill, Mode::kRecovery, Mode::kPause}, Marked::kRecover);
  suite.add<RefuseMarked<Api>>({Mode::kKill, Mode::kPause}, Marked::kAcquire);
}

}  // namespace

void add_refusals(Suite& suite) {
  using L = RefusingLock<RealAtomics>;
  add_refusing<L>(suite);
  add_refusing<RefusingLock<RealAtomics, Kind::kRLock>>(suite);
  add_refusing<RefusingSemaphore<RealAtomics>>(suite);
  suite.add<RefuseMarked<L>>(Mode::kKill, Marked::kReleaseByMistake);

  suite.plant("refusing lock: marked after it is free",
              {plan<RefuseOwnerDies<RefusingLock<Buggy<Bug::kMarkLate>>>>(Mode::kKill, true)});
  suite.plant("refusing lock: recover() frees it under the next owner",
              {plan<RefuseMarked<RefusingLock<Buggy<Bug::kRecoverByStore>>>>(Mode::kPause,
                                                                             Marked::kRecover)});
  suite.plant("refusing lock: a release of the free lock takes the mark away for a moment",
              {plan<RefuseMarked<RefusingLock<Buggy<Bug::kReleaseUnasked>>>>(
                  Mode::kKill, Marked::kReleaseByMistake)});
  suite.plant("refusing semaphore: marked after the permits came back",
              {plan<RefuseOwnerDies<RefusingSemaphore<Buggy<Bug::kMarkLate>>>>(Mode::kKill, true)});
  suite.plant("refusing semaphore: with a permit, the mark is not looked at again",
              {plan<RefuseOwnerDies<RefusingSemaphore<Buggy<Bug::kTakeUnasked>>>>(Mode::kPause)});
  suite.plant("refusing semaphore: who was refused is in when recover() comes",
              {plan<RefuseMarked<RefusingSemaphore<Buggy<Bug::kAskAgain>>>>(Mode::kPause,
                                                                            Marked::kAcquire)});
}

}  // namespace mp::testing
