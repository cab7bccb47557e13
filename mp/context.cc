#include "mp/context.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp {
namespace {

constexpr StartMethod kDefault = StartMethod::kForkserver;
constexpr StartMethod kMethods[] = {StartMethod::kForkserver, StartMethod::kFork,
                                    StartMethod::kSpawn};

// The method that was set; kUnset while none was. A word of its own, read alone: relaxed is enough.
constexpr int kUnset = -1;
std::atomic<int> g_method{kUnset};

}  // namespace

std::string Context::get_start_method() const { return internal::name_of(method()); }

std::optional<std::string> Context::get_start_method(AllowNone) const {
  if (!method_.has_value() && g_method.load(std::memory_order_relaxed) == kUnset) {
    return std::nullopt;
  }
  return get_start_method();
}

void Context::set_start_method(std::string_view method, bool force) const {
  if (method_.has_value()) {
    raise(internal::value_error("cannot set start method of concrete context"));
  }
  if (method.empty()) {
    raise(internal::value_error("cannot find context for ''"));
  }
  int set = static_cast<int>(get_context(method).method());
  int unset = kUnset;
  if (force) {
    g_method.store(set, std::memory_order_relaxed);
  } else if (!g_method.compare_exchange_strong(unset, set, std::memory_order_relaxed)) {
    raise(internal::make_status("RuntimeError", absl::StatusCode::kFailedPrecondition,
                                "context has already been set"));
  }
}

Context Context::get_context(std::string_view method) const {
  if (method.empty()) {
    return *this;
  }
  for (StartMethod known : kMethods) {
    if (method == internal::name_of(known)) {
      return Context(known);
    }
  }
  raise(internal::value_error(absl::StrCat("cannot find context for '", std::string(method), "'")));
}

std::vector<std::string> Context::get_all_start_methods() {
  std::vector<std::string> names;
  for (StartMethod method : kMethods) {
    names.emplace_back(internal::name_of(method));
  }
  return names;
}

StartMethod Context::method() const noexcept {
  if (method_.has_value()) {
    return *method_;
  }
  int set = g_method.load(std::memory_order_relaxed);
  return set == kUnset ? kDefault : static_cast<StartMethod>(set);
}

namespace internal {

const char* name_of(StartMethod method) noexcept {
  switch (method) {
    case StartMethod::kFork:
      return "fork";
    case StartMethod::kSpawn:
      return "spawn";
    case StartMethod::kForkserver:
      break;
  }
  return "forkserver";
}

void inherit_start_method(StartMethod method) noexcept {
  // Not written when nothing changes: in a forked child a write copies a page.
  if (g_method.load(std::memory_order_relaxed) != static_cast<int>(method)) {
    g_method.store(static_cast<int>(method), std::memory_order_relaxed);
  }
}

}  // namespace internal
}  // namespace mp
