// mp/thread_pool.h
//
// ThreadPool: mp::Pool's twin, whose workers are threads. Python: multiprocessing.pool.ThreadPool.
//
//   mp::ThreadPool pool(4);
//   std::vector<int> sizes = pool.map([&](const std::string& name) { return size_of(name, cache); }, names);
//
// Any callable, captures included; nothing is encoded.
//
// Handles   Move-only: its end is terminate(), which waits for the calls that run.
// Safety    Any method, any thread.
// Ordering  As Pool.
// Blocking  As Pool. terminate() cannot stop a call that runs: it waits for it, but not in a task or a callback. Callbacks and
//           .progress run in one thread, one after the other.
// Cost      A call: an allocation or two, and a wake.
// Death     A thread that crashes is the process that crashes.
// Crossing  Not.
// Python    As there; AsyncResult::cancel(), resize() and what CallOptions adds, as with Pool, but .timeout and .retries throw
//           mp::ValueError. What a cancelled call returns later is dropped.

#ifndef MP_THREAD_POOL_H_
#define MP_THREAD_POOL_H_

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "mp/internal/pool/basic_pool.h"
#include "mp/internal/pool/thread_work.h"

namespace mp {

struct ThreadPoolOptions {
  std::optional<int> processes = {};       // threads; cpu_count() if none
  std::function<void()> initializer = {};  // called in each thread before its first task
  std::optional<int64_t> maxtasksperchild = {};
};

class ThreadPool : public internal::BasicPool<internal::ThreadWork> {
 public:
  explicit ThreadPool(int processes) : ThreadPool(ThreadPoolOptions{.processes = processes}) {}
  ThreadPool() : ThreadPool(ThreadPoolOptions()) {}
  explicit ThreadPool(ThreadPoolOptions options);
  ThreadPool(ThreadPool&&) noexcept = default;
  ThreadPool& operator=(ThreadPool&&) noexcept = default;
  ~ThreadPool();

 private:
  friend std::string repr(const ThreadPool& pool);
};

// "<multiprocessing.pool.ThreadPool state=RUN pool_size=2>"
std::string repr(const ThreadPool& pool);
std::ostream& operator<<(std::ostream& out, const ThreadPool& pool);

}  // namespace mp

#endif  // MP_THREAD_POOL_H_
