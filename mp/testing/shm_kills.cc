#include "mp/testing/kill_suite.h"
#include "mp/testing/shm_scenes.h"

namespace mp::testing {

void add_shared_memory(Suite& suite) {
  for (ShmKind kind : {ShmKind::kArena, ShmKind::kFile}) {
    suite.add<ShmCreate>({Mode::kKill, Mode::kRecovery}, kind);
    suite.add<ShmCreateTaken>(Mode::kKill, kind);
    suite.add<ShmAttach>({Mode::kKill, Mode::kRecovery}, kind, true);
    suite.add<ShmAttach>({Mode::kKill, Mode::kRecovery}, kind, false);
    suite.add<ShmAttachContended>(Mode::kPause, kind);
    suite.add<ShmUnlink>({Mode::kKill, Mode::kRecovery}, kind, true);
    suite.add<ShmUnlink>({Mode::kKill, Mode::kRecovery}, kind, false);
  }
  suite.add<ShmAttachWoken>({Mode::kKill, Mode::kRecovery}, false);
  suite.add<ShmAttachWoken>(Mode::kKill, true);
  suite.plant("a file named before it is claimed", {plan<ShmCreateUnclaimed>(Mode::kKill)});
  suite.plant("who attaches owns", {plan<ShmAttachOwns>(Mode::kKill)});
}

}  // namespace mp::testing
