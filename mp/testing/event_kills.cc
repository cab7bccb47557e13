#include <chrono>

#include "mp/testing/event_scenes.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"

namespace mp::testing {

using internal::Bug;

void add_events(Suite& suite) {
  using E = PublicEvent;
  suite.add<EventSet<E>>({Mode::kKill, Mode::kRecovery}, 0);
  suite.add<EventSet<E>>(Mode::kKill, 0, true);
  suite.add<EventSet<E>>({Mode::kKill, Mode::kRecovery}, 1);
  suite.add<EventSet<E>>({Mode::kKill, Mode::kRecovery}, 2);
  suite.add<EventContended<E>>(Mode::kPause, true);
  suite.add<EventClear<E>>({Mode::kKill, Mode::kRecovery}, true);
  suite.add<EventClear<E>>(Mode::kKill, false);
  suite.add<EventContended<E>>(Mode::kPause, false);
  suite.add<EventWait<E>>({Mode::kKill, Mode::kRecovery});
  suite.add<EventWait<E>>({Mode::kKill, Mode::kRecovery}, true);
  suite.add<EventWaitShort<E>>(Mode::kKill, "set", true, kForever);
  suite.add<EventWaitShort<E>>(Mode::kKill, "timed out", false,
                               Timeout(std::chrono::nanoseconds(1)));
  suite.add<EventSetBesideOneAboutToSleep<E>>({Mode::kKill, Mode::kPause});

  suite.plant("Event: wake before the change",
              {plan<EventSetBesideOneAboutToSleep<CoreEvent<Buggy<Bug::kWakeBeforeChange>>>>(
                  Mode::kPause)});
  suite.plant("Event: wait forgets that it was set",
              {plan<EventWait<CoreEvent<Buggy<Bug::kForgetTheSet>>>>(Mode::kKill, true)});
}

}  // namespace mp::testing
