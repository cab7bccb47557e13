#include "mp/internal/core/outstanding_gets.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/core/thread_id.h"

namespace mp::internal {
namespace {

// Guards the map and all lists. Nothing that may wait is called with it: a fork takes it too.
MP_FORK_STATE constinit std::mutex g_mutex;

[[maybe_unused]] const bool g_registered = handle_forks(
    ForkOrder::kGets, {[] { g_mutex.lock(); }, [] { g_mutex.unlock(); }, [] { g_mutex.unlock(); }});

using Map = absl::flat_hash_map<uint64_t, std::weak_ptr<OutstandingGets>>;
Map& map() {
  static Map& map = *new Map();
  return map;
}

}  // namespace

std::shared_ptr<OutstandingGets> OutstandingGets::of(const QueueCore& queue) {
  std::lock_guard guard(g_mutex);
  std::weak_ptr<OutstandingGets>& known = map()[queue.ref().offset()];
  std::shared_ptr<OutstandingGets> gets = known.lock();
  if (gets == nullptr) {
    gets.reset(new OutstandingGets(queue.ref().offset()));
    known = gets;
  }
  return gets;
}

OutstandingGets::~OutstandingGets() {
  std::lock_guard guard(g_mutex);
  auto at = map().find(queue_);
  if (at != map().end() && at->second.expired()) {
    map().erase(at);
  }
}

void OutstandingGets::add(QueueCore::Leased leased) {
  std::lock_guard guard(g_mutex);
  gets_.push_back({thread_id(), std::move(leased)});
}

QueueCore::Leased OutstandingGets::take() {
  // Given up outside of the mutex.
  std::deque<Got> inherited;
  QueueCore::Leased taken;
  std::lock_guard guard(g_mutex);
  while (!gets_.empty() && !gets_.front().leased.is_ours()) {
    inherited.push_back(std::move(gets_.front()));
    gets_.pop_front();
  }
  auto mine = std::find_if(gets_.begin(), gets_.end(),
                           [](const Got& got) { return got.thread == thread_id(); });
  if (mine == gets_.end()) {
    mine = gets_.begin();
  }
  if (mine != gets_.end()) {
    taken = std::move(mine->leased);
    gets_.erase(mine);
  }
  return taken;
}

}  // namespace mp::internal
