// mp/pool.h
//
// Pool: worker processes that run calls. Python: multiprocessing.Pool.
//
//   int square(int x) { return x * x; }
//
//   mp::Pool pool(4);
//   int nine = pool.apply(square, 3);
//   std::vector<int> squares = pool.map(square, std::vector{1, 2, 3});
//   mp::AsyncResult<int> later = pool.apply_async({.callback = print, .timeout = 2.0}, square, 4);
//   for (int s : pool.imap(square, numbers)) ...          // reads `numbers` as results are taken
//
// call_options.h has what the braces may hold. What can be called is what a Process can run: functions, lambdas without
// captures, member functions, mp::bind, objects whose fields cross.
//
// Handles   Move-only: its end is terminate(). In a forked child its copy, and those of its results, throw mp::AssertionError;
//           their end does nothing.
// Safety    Any method, any thread; not from a Codec of a task's arguments or results. A callback may use the pool, wait for any
//           result of it, end and destroy it; join() in one throws mp::RuntimeError, and terminate() does not wait there.
// Ordering  What the caller did before is visible to the task, and what the task did after its result is there.
// Blocking  apply, map, starmap until the results are there; join() until the workers are gone; terminate() until they are
//           killed, at most about half a second. The others do not wait. Two threads are started with the workers.
// Cost      apply: a wake of a worker and one back. A chunk of a map: one message each way. About 20 KiB of shared memory
//           per worker.
// Death     A worker dies anywhere: what it had begun fails with mp::WorkerDied, or is tried again (retries); what it had not
//           begun runs elsewhere; results that it had sent count; another takes its place. A worker that is stopped delays
//           what it has begun, and for 50 to 100 ms what it has not. Initializers that fail or crash three times in a row break the
//           pool: its calls fail with their error. The owner dies: the workers are killed.
// Crossing  Not. A task may have a pool of its own, ten deep.
// Python    The scope's end is __exit__. Tasks of a dead worker end. Arguments are encoded in the caller's thread; what cannot
//           cross does not compile. Input is cut into chunks as there, but imap reads ahead at most 256 chunks per worker.
//           Workers are not daemons. They ignore SIGINT, and print nothing about it.

#ifndef MP_POOL_H_
#define MP_POOL_H_

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mp/context.h"
#include "mp/finalize.h"
#include "mp/function.h"
#include "mp/internal/pool/basic_pool.h"
#include "mp/internal/pool/process_work.h"
#include "mp/internal/pool/resource_limit.h"
#include "mp/process.h"

namespace mp {

// A limit that a worker gets with its start, as setrlimit() takes it; but RLIMIT_AS does not count what is mapped by then,
// since the family's memory is reserved in all of its size.
using ResourceLimit = internal::ResourceLimit;

struct PoolOptions {
  std::optional<int> processes = {};  // cpu_count() if none
  Function<void()> initializer =
      {};  // called in each worker before its first task; mp::bind(f, args...)
  std::optional<int64_t> maxtasksperchild = {};  // then a worker is replaced; a chunk is one task
  Context context = {};
  std::vector<ResourceLimit> limits = {};
  // Bytes by which a worker's private memory may grow from its first task on; then it is replaced once it has done what it
  // has. 0: any.
  uint64_t max_memory_per_child = 0;
  // While the pool lives, the first SIGINT does not end the process: what workers have begun is done, all other calls fail
  // with mp::KeyboardInterrupt. The second kills the workers, and the rest fails too. Else SIGINT is as without the pool.
  bool drain_on_interrupt = false;
  // What workers log goes to this process's logger: what each logs in its order, and before the result of the task that logs
  // it; also what it logged before it was killed. Handlers may not use the pool.
  bool log_here = false;
};

class Pool : public internal::BasicPool<internal::ProcessWork> {
 public:
  // Throws mp::ValueError for a number below 1, mp::RuntimeError for the eleventh pool inside each other, and what start()
  // of a Process throws.
  explicit Pool(int processes) : Pool(PoolOptions{.processes = processes}) {}
  Pool() : Pool(PoolOptions()) {}
  explicit Pool(PoolOptions options);
  Pool(Pool&&) noexcept;
  Pool& operator=(Pool&&) noexcept;
  ~Pool();

  // Those that are there, in no order. For looking, waiting and killing: the pool replaces who has ended. A close() of one
  // does it no harm.
  std::vector<Process> workers() const;

 private:
  friend std::string repr(const Pool& pool);
  // So that a pool that is still there when the process ends ends before its workers are waited for.
  std::optional<Finalize> at_exit_;
};

// "<multiprocessing.pool.Pool state=RUN pool_size=2>"
std::string repr(const Pool& pool);
std::ostream& operator<<(std::ostream& out, const Pool& pool);

}  // namespace mp

#endif  // MP_POOL_H_
