#include "mp/internal/proc/finalizers.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/proc/run.h"

namespace mp::internal {
namespace {

// Never destroyed.
struct Registry {
  struct Entry {
    std::function<void()> callback;
    std::optional<int> exitpriority;
  };

  Registry(uint64_t process, const Registry* inherited) : process(process), inherited(inherited) {}

  const uint64_t process;
  const Registry* const inherited;  // the forking process's: a leak checker finds it here
  std::mutex mutex;
  std::map<uint64_t, Entry> entries;
  uint64_t made = 0;
  bool at_exit = false;
};

// One more than in the process that forked this one: a pid may come again, and is 1 in each pid namespace.
MP_FORK_STATE constinit uint64_t g_process = 1;
[[maybe_unused]] const bool g_counting =
    handle_forks(ForkOrder::kProcess, {.child = [] { ++g_process; }});

// Of this process, or of the one it was forked from. Beside what every fork writes, so that a child's look costs no page.
MP_FORK_STATE constinit std::atomic<Registry*> g_registry{nullptr};
void (*g_end)() = nullptr;

// This process's; null when it has none.
Registry* current() noexcept {
  Registry* registry = g_registry.load(std::memory_order_acquire);
  return registry != nullptr && registry->process == g_process ? registry : nullptr;
}

Registry& make_current() {
  Registry* seen = g_registry.load(std::memory_order_acquire);
  while (seen == nullptr || seen->process != g_process) {
    auto* made = new Registry(g_process, seen);
    if (g_registry.compare_exchange_strong(seen, made)) {
      return *made;
    }
    delete made;
  }
  return *seen;
}

void end_of_process() {
  if (g_end != nullptr) {
    g_end();
  } else {
    run_finalizers(std::nullopt);
  }
}

void tell(std::string_view what) noexcept {
  std::string text = absl::StrCat("mp: a finalizer failed: ", std::string(what), "\n");
  std::fputs(text.c_str(), stderr);
}

// As run_finalizers(), of one.
std::optional<int> call(const std::function<void()>& callback) noexcept {
  try {
    return catch_exit(callback);
  } catch (...) {
    tell(describe(std::current_exception()));
    return std::nullopt;
  }
}

}  // namespace

void arm_end_of_process() { std::atexit(end_of_process); }

void set_end_of_process(void (*end)()) noexcept { g_end = end; }

uint64_t process_number() noexcept { return g_process; }

FinalizerId add_finalizer(std::function<void()> callback, std::optional<int> exitpriority) {
  Registry& registry = make_current();
  std::unique_lock hold(registry.mutex);
  uint64_t number = ++registry.made;
  registry.entries.emplace(number, Registry::Entry{std::move(callback), exitpriority});
  if (exitpriority.has_value() && !std::exchange(registry.at_exit, true)) {
    hold.unlock();
    arm_end_of_process();
  }
  return {registry.process, number};
}

std::function<void()> take_finalizer(FinalizerId id) noexcept {
  std::function<void()> callback;
  Registry* registry = current();
  if (registry != nullptr && registry->process == id.process) {
    std::lock_guard hold(registry->mutex);
    if (auto node = registry->entries.extract(id.number)) {
      callback = std::move(node.mapped().callback);
    }
  }
  return callback;
}

bool has_finalizer(FinalizerId id) noexcept {
  Registry* registry = current();
  if (registry == nullptr || registry->process != id.process) {
    return false;
  }
  std::lock_guard hold(registry->mutex);
  return registry->entries.count(id.number) != 0;
}

std::optional<int> run_finalizers(std::optional<int> least) noexcept {
  Registry* registry = current();
  if (registry == nullptr) {
    return std::nullopt;
  }
  std::vector<std::pair<int, uint64_t>> due;
  {
    std::lock_guard hold(registry->mutex);
    for (const auto& [number, entry] : registry->entries) {
      if (entry.exitpriority.has_value() &&
          *entry.exitpriority >= least.value_or(*entry.exitpriority)) {
        due.emplace_back(*entry.exitpriority, number);
      }
    }
  }
  std::sort(due.rbegin(), due.rend());
  std::optional<int> code;
  for (const auto& [priority, number] : due) {
    // One of the others may have called or cancelled it.
    if (std::function<void()> callback = take_finalizer({registry->process, number})) {
      if (std::optional<int> asked = call(callback)) {
        code = asked;
      }
    }
  }
  return code;
}

void call_finalizer(const std::function<void()>& callback) noexcept {
  if (std::optional<int> code = call(callback)) {
    tell(absl::StrCat("SystemExit: ", *code));
  }
}

}  // namespace mp::internal
