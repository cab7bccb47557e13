// mp/internal/pool/worker.h
//
// What a worker of mp::Pool does: takes tasks off its desk one by one, runs them, puts the results there.
//
// Death     At any instruction: see desk.h and ledger_word.h. The task that its ledger says is running, and no other, is the
//           one that it had begun.
// Signals   SIGINT is ignored: what an interrupt means is the owner's to say.

#ifndef MP_INTERNAL_POOL_WORKER_H_
#define MP_INTERNAL_POOL_WORKER_H_

#include <cstdint>
#include <vector>

#include "mp/function.h"
#include "mp/internal/pool/desk.h"

namespace mp::internal {

struct ResourceLimit {
  int resource;   // RLIMIT_AS ...
  uint64_t most;  // both limits
};

struct WorkerPlan {
  Desk desk;
  Function<void()> initializer;
  uint64_t tasks = 0;  // after so many it leaves; 0: never
  uint32_t depth = 0;  // pools around the worker
  std::vector<ResourceLimit> limits;
  bool log_to_owner = false;
};

void worker_main(WorkerPlan plan);

// Pools that this process is a worker of, each inside the next.
uint32_t pool_depth() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_WORKER_H_
