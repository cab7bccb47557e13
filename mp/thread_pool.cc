#include "mp/thread_pool.h"

#include <memory>
#include <ostream>
#include <utility>

#include "mp/internal/os/cpus.h"
#include "mp/internal/pool/refusals.h"

namespace mp {
namespace internal {
namespace {

std::shared_ptr<ThreadCrew> make_core(ThreadPoolOptions options) {
  int processes = options.processes.has_value() ? *options.processes : usable_cpus();
  if (processes < 1) {
    refuse_pool_size();
  }
  if (options.maxtasksperchild.has_value() && *options.maxtasksperchild < 1) {
    refuse_lifetime();
  }
  auto core = std::make_shared<ThreadCrew>(
      ThreadPlan{processes, std::move(options.initializer),
                 static_cast<uint64_t>(options.maxtasksperchild.value_or(0))});
  core->start();
  return core;
}

}  // namespace
}  // namespace internal

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : BasicPool(internal::make_core(std::move(options))) {}

ThreadPool::~ThreadPool() {
  if (core_ == nullptr) {
    return;
  }
  if (!core_->is_ours()) {
    // A copy in a forked child, where there are no such threads.
    new std::shared_ptr(std::move(core_));
    return;
  }
  core_->terminate();
}

std::string repr(const ThreadPool& pool) {
  return internal::pool_repr("ThreadPool", static_cast<int>(pool.core().state()),
                             pool.core().size());
}
std::ostream& operator<<(std::ostream& out, const ThreadPool& pool) { return out << repr(pool); }

}  // namespace mp
