#include "mp/testing/kill_suite.h"
#include "mp/testing/slot_scenes.h"

namespace mp::testing {

void add_slots(Suite& suite) {
  suite.add<SlotReserve>({Mode::kKill, Mode::kRecovery});
  suite.add<SlotGiveBack>({Mode::kKill, Mode::kRecovery});
  suite.add<SlotSweep>({Mode::kKill, Mode::kRecovery});
  suite.add<SlotWatch>({Mode::kKill, Mode::kRecovery});
}

}  // namespace mp::testing
