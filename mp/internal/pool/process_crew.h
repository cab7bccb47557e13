// mp/internal/pool/process_crew.h
//
// ProcessCrew: the workers of mp::Pool, as its typed shell sees them. PoolCore is what they are.

#ifndef MP_INTERNAL_POOL_PROCESS_CREW_H_
#define MP_INTERNAL_POOL_PROCESS_CREW_H_

#include <cstdint>
#include <memory>
#include <span>

#include "mp/internal/pool/crew.h"
#include "mp/internal/pool/pool_task.h"

namespace mp::internal {

class ProcessCrew : public Crew {
 public:
  using Crew::Crew;
  // Adds a task: part `part` of `job`. Throws mp::ValueError when the pool takes none, the initializers' error when it is
  // broken, mp::MemoryError. With `waits` the caller is about to wait for the job.
  virtual void submit(const std::shared_ptr<Job>& job, uint64_t part,
                      std::unique_ptr<PoolTask> task, bool waits) = 0;
  // The same for the parts of a stream from `part` on: of all or, when it throws, of none. Without shared memory for one, that
  // part fails.
  virtual void submit_some(const std::shared_ptr<Job>& job, uint64_t part,
                           std::span<std::unique_ptr<PoolTask>> tasks) = 0;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_PROCESS_CREW_H_
