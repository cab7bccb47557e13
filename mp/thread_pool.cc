#include "mp/thread_pool.h"

#include <memory>
#include <ostream>
#include <utility>

#include "mp/internal/os/cpus.h"
#include "mp/internal/pool/crew.h"
#include "mp/internal/pool/refusals.h"
#include "mp/internal/pool/thread_core.h"

namespace mp {
namespace internal {
namespace {

std::shared_ptr<ThreadCrew> make_core(ThreadPoolOptions options) {
  int processes = options.processes.has_value() ? *options.processes : usable_cpus();
  check_pool_size(processes);
  const uint64_t lifetime = checked_lifetime(options.maxtasksperchild);
  auto core = std::make_shared<ThreadPoolCore>(
      ThreadPlan{processes, std::move(options.initializer), lifetime});
  core->start();
  return core;
}

}  // namespace
}  // namespace internal

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : BasicPool(internal::make_core(std::move(options))) {}

ThreadPool::~ThreadPool() { internal::end_crew(core_); }

std::string repr(const ThreadPool& pool) { return internal::repr_of(pool.core(), "ThreadPool"); }
std::ostream& operator<<(std::ostream& out, const ThreadPool& pool) { return out << repr(pool); }

}  // namespace mp
