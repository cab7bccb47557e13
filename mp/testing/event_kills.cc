#include <chrono>

#include "mp/testing/event_scenes.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/planted.h"

namespace mp::testing {

using internal::Bug;

void add_events(Suite& suite) {
  using E = PublicEvent;
  // set() and clear() are one exchange: there is nothing to recover.
  suite.add<EventSet<E>>(Mode::kKill, 0);
  suite.add<EventSet<E>>(Mode::kKill, 0, true);
  suite.add<EventSet<E>>(Mode::kKill, 1);
  suite.add<EventSet<E>>(Mode::kKill, 2);
  suite.add<EventClear<E>>(Mode::kKill);
  suite.add<EventWait<E>>({Mode::kKill, Mode::kRecovery});
  suite.add<EventWait<E>>({Mode::kKill}, true);
  suite.add<EventWaitShort<E>>(Mode::kKill, "set", true, kForever);
  suite.add<EventWaitShort<E>>(Mode::kKill, "timed out", false,
                               Timeout(std::chrono::nanoseconds(1)));
  suite.add<EventSetBesideOneAboutToSleep<E>>({Mode::kKill, Mode::kPause});

  suite.plant("Event: wake before the change",
              {plan<EventSetBesideOneAboutToSleep<CoreEvent<Buggy<Bug::kWakeBeforeChange>>>>(
                  Mode::kPause)});
}

}  // namespace mp::testing
