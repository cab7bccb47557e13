#include "mp/internal/proc/after_fork.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/proc/fork_guard.h"
#include "mp/internal/proc/run.h"
#include "mp/logging.h"

namespace mp::internal {
namespace {

struct Hook {
  std::optional<std::weak_ptr<const void>> object;
  std::function<void()> call;

  bool is_dead() const { return object.has_value() && object->expired(); }
};

struct Hooks {
  std::vector<Hook> all;
  size_t tidy_at = 8;
};

// Null while there is none; never destroyed.
MP_FORK_STATE constinit Hooks* g_hooks = nullptr;

void add(Hook hook) {
  std::vector<Hook> dead;  // the user's: destroyed without the lock
  StartLock lock;
  if (g_hooks == nullptr) {
    g_hooks = new Hooks;
  }
  auto& all = g_hooks->all;
  if (all.size() >= g_hooks->tidy_at) {
    auto first_dead =
        std::stable_partition(all.begin(), all.end(), [](const Hook& h) { return !h.is_dead(); });
    dead.assign(std::make_move_iterator(first_dead), std::make_move_iterator(all.end()));
    all.erase(first_dead, all.end());
    g_hooks->tidy_at = std::max<size_t>(8, 2 * all.size());
  }
  all.push_back(std::move(hook));
}

}  // namespace

void add_after_fork(std::function<void()> hook) { add({std::nullopt, std::move(hook)}); }

void add_after_fork(std::weak_ptr<const void> object, std::function<void()> hook) {
  add({std::move(object), std::move(hook)});
}

void run_after_fork() {
  if (g_hooks == nullptr) {
    return;
  }
  // A copy: a hook may ask for more of them, which are for the children.
  const std::vector<Hook> now = g_hooks->all;
  for (const Hook& hook : now) {
    try {
      if (!hook.is_dead()) {
        hook.call();
      }
    } catch (const ExitRequest&) {
      throw;
    } catch (...) {
      get_logger().info(
          absl::StrCat("after forker raised exception ", describe(std::current_exception())));
    }
  }
}

}  // namespace mp::internal
