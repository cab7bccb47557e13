#include "mp/internal/pool/task_thunk.h"

namespace mp::internal {

void run_task(const Reader& task, TaskRun& run) {
  Reader state;
  Token token = task.callable(&state, "a pool's task");
  reinterpret_cast<void (*)(const Reader&, TaskRun&)>(find_thunk(token, kTaskRole))(state, run);
}

}  // namespace mp::internal
