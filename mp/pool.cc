#include "mp/pool.h"

#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/pool/crew.h"
#include "mp/internal/pool/pool_core.h"
#include "mp/internal/pool/refusals.h"

namespace mp {
namespace internal {
namespace {

constexpr uint32_t kMostDepth = 10;
constexpr int kPriority = 15;

PoolPlan plan_of(PoolOptions options) {
  int processes = options.processes.has_value() ? *options.processes : cpu_count();
  check_pool_size(processes);
  PoolCore::check_size(processes);
  const uint64_t lifetime = checked_lifetime(options.maxtasksperchild);
  if (pool_depth() >= kMostDepth) {
    raise(
        RuntimeError(absl::StrCat("mp: this process is a worker of a pool inside ", kMostDepth - 1,
                                  " others: pools nest no deeper, since each level multiplies "
                                  "the number of processes"))
            .status());
  }
  return {processes,
          options.context.get_context(),
          std::move(options.initializer),
          lifetime,
          std::move(options.limits),
          options.max_memory_per_child,
          options.drain_on_interrupt,
          options.log_here};
}

std::shared_ptr<PoolCore> make_core(PoolOptions options) {
  auto core = std::make_shared<PoolCore>(plan_of(std::move(options)));
  core->start();
  return core;
}

}  // namespace

}  // namespace internal

Pool::Pool(PoolOptions options) : BasicPool(internal::make_core(std::move(options))) {
  at_exit_.emplace(
      [core = std::weak_ptr(core_)] {
        if (auto alive = core.lock()) {
          alive->terminate();
        }
      },
      internal::kPriority);
}

Pool::Pool(Pool&& other) noexcept = default;

Pool& Pool::operator=(Pool&& other) noexcept {
  std::swap(core_, other.core_);
  std::optional<Finalize> mine = std::move(at_exit_);
  at_exit_.reset();
  if (other.at_exit_.has_value()) {
    at_exit_.emplace(*std::move(other.at_exit_));
    other.at_exit_.reset();
  }
  if (mine.has_value()) {
    other.at_exit_.emplace(*std::move(mine));
  }
  return *this;
}

Pool::~Pool() {
  if (core_ != nullptr) {
    at_exit_->cancel();
  }
  internal::end_crew(core_);
}

std::vector<Process> Pool::workers() const {
  return static_cast<internal::PoolCore&>(core()).workers();
}

std::string repr(const Pool& pool) { return internal::repr_of(pool.core(), "Pool"); }
std::ostream& operator<<(std::ostream& out, const Pool& pool) { return out << repr(pool); }

}  // namespace mp
