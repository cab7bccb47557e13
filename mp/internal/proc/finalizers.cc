#include "mp/internal/proc/finalizers.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/frame/failure.h"

namespace mp::internal {
namespace {

// Never destroyed.
struct Registry {
  struct Entry {
    std::function<void()> callback;
    std::optional<int> exitpriority;
  };

  const int pid = getpid();
  std::mutex mutex;
  std::map<uint64_t, Entry> entries;
  uint64_t made = 0;
  bool at_exit = false;
};

// Of this process, or of the one it was forked from. Beside what every fork writes, so that a child's look costs no page.
MP_FORK_STATE constinit std::atomic<Registry*> g_registry{nullptr};
void (*g_end)() = nullptr;

// This process's; null when it has none.
Registry* current() noexcept {
  Registry* registry = g_registry.load(std::memory_order_acquire);
  return registry != nullptr && registry->pid == getpid() ? registry : nullptr;
}

Registry& make_current() {
  Registry* seen = g_registry.load(std::memory_order_acquire);
  while (seen == nullptr || seen->pid != getpid()) {
    auto* made = new Registry;
    if (g_registry.compare_exchange_strong(seen, made)) {
      return *made;
    }
    delete made;
  }
  return *seen;
}

void end_of_process() { g_end != nullptr ? g_end() : run_finalizers(std::nullopt); }

}  // namespace

void set_end_of_process(void (*end)()) noexcept { g_end = end; }

FinalizerId add_finalizer(std::function<void()> callback, std::optional<int> exitpriority) {
  Registry& registry = make_current();
  std::unique_lock hold(registry.mutex);
  uint64_t number = ++registry.made;
  registry.entries.emplace(number, Registry::Entry{std::move(callback), exitpriority});
  if (exitpriority.has_value() && !std::exchange(registry.at_exit, true)) {
    hold.unlock();
    std::atexit(end_of_process);
  }
  return {registry.pid, number};
}

std::function<void()> take_finalizer(FinalizerId id) noexcept {
  std::function<void()> callback;
  Registry* registry = current();
  if (registry != nullptr && registry->pid == id.pid) {
    std::lock_guard hold(registry->mutex);
    if (auto node = registry->entries.extract(id.number)) {
      callback = std::move(node.mapped().callback);
    }
  }
  return callback;
}

bool has_finalizer(FinalizerId id) noexcept {
  Registry* registry = current();
  if (registry == nullptr || registry->pid != id.pid) {
    return false;
  }
  std::lock_guard hold(registry->mutex);
  return registry->entries.count(id.number) != 0;
}

void run_finalizers(std::optional<int> least) noexcept {
  Registry* registry = current();
  if (registry == nullptr) {
    return;
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
  for (const auto& [priority, number] : due) {
    // One of the others may have called or cancelled it.
    if (std::function<void()> callback = take_finalizer({registry->pid, number})) {
      call_finalizer(callback);
    }
  }
}

void call_finalizer(const std::function<void()>& callback) noexcept {
  try {
    callback();
  } catch (...) {
    std::string text =
        absl::StrCat("mp: a finalizer failed: ", describe(std::current_exception()), "\n");
    std::fputs(text.c_str(), stderr);
  }
}

}  // namespace mp::internal
