// mp/internal/pool/thread_crew.h
//
// ThreadCrew: the workers of mp::ThreadPool, as its typed shell sees them. ThreadPoolCore is what they are.

#ifndef MP_INTERNAL_POOL_THREAD_CREW_H_
#define MP_INTERNAL_POOL_THREAD_CREW_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/functional/function_ref.h"
#include "mp/internal/pool/crew.h"

namespace mp::internal {

// Asked before the result of a part is put in its place: false when the part has failed meanwhile.
using MayPut = absl::FunctionRef<bool()>;

class ThreadCrew : public Crew {
 public:
  using Crew::Crew;
  // `run` does part `part` of `job`, in a worker, and puts the result in its place if it may; what it throws fails the part.
  virtual void submit(const std::shared_ptr<Job>& job, uint64_t part,
                      std::function<void(MayPut)> run) = 0;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_THREAD_CREW_H_
