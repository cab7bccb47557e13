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
#include <exception>
#include <memory>
#include <vector>

#include "mp/function.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/pool/desk.h"
#include "mp/internal/pool/resource_limit.h"

namespace mp::internal {

struct WorkerPlan {
  Desk desk;
  Function<void()> initializer;
  uint64_t tasks = 0;  // after so many it leaves; 0: never
  uint32_t depth = 0;  // pools around the worker
  std::vector<ResourceLimit> limits;
  bool log_to_owner = false;
  bool weigh = false;  // its owner wants to know how much it grows
};

void worker_main(WorkerPlan plan);

// What worker_main() is once its initializer is done.
class Worker {
 public:
  explicit Worker(const Desk& desk);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Waits for a message and does what it asks for. False: leave.
  bool serve_next();
  // Tasks that it has begun.
  uint64_t served() const noexcept { return served_; }
  // Says why it does not begin.
  void send_not_ready(const std::exception_ptr& error);

 private:
  class Answers;

  bool serve(ChannelReader<>& reader);
  void tell() noexcept;

  const Desk& desk_;
  Channel<> channel_;
  std::unique_ptr<Answers> answers_;
  uint64_t served_ = 0;
  // Results that are marked, and for which nobody was woken: of a crowd, the first of them begun at a time.
  uint64_t untold_ = 0;
  uint32_t crowd_ = 0;
  int64_t since_ns_ = 0;
};

// Memory of a process that it shares with nobody, as far as the kernel tells cheaply; 0 if there is no such process. Pages that
// a fork has inherited count, so only growth means something.
uint64_t private_bytes(int pid) noexcept;

// Pools that this process is a worker of, each inside the next.
uint32_t pool_depth() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_WORKER_H_
