#include "mp/context.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp {
namespace {

constexpr StartMethod kDefault = StartMethod::kForkserver;
constexpr StartMethod kMethods[] = {StartMethod::kForkserver, StartMethod::kFork,
                                    StartMethod::kSpawn};

// The method that was fixed; kUnset while none was. A word of its own, read alone: relaxed is enough.
constexpr int kUnset = -1;
std::atomic<int> g_method{kUnset};

bool is_fixed() { return g_method.load(std::memory_order_relaxed) != kUnset; }

// False when it was fixed before; then nothing changes.
bool fix(StartMethod method) {
  int unset = kUnset;
  return g_method.compare_exchange_strong(unset, static_cast<int>(method),
                                          std::memory_order_relaxed);
}

[[noreturn]] void raise_already_set() {
  raise(internal::make_status("RuntimeError", absl::StatusCode::kFailedPrecondition,
                              "context has already been set"));
}

}  // namespace

std::string Context::get_start_method() const {
  return internal::name_of(internal::fix_start_method(*this));
}

std::optional<std::string> Context::get_start_method(AllowNone) const {
  if (!method_.has_value() && !is_fixed()) {
    return std::nullopt;
  }
  return internal::name_of(method());
}

void Context::set_start_method(std::string_view method, bool force) const {
  if (method_.has_value()) {
    raise(internal::value_error("cannot set start method of concrete context"));
  }
  // Before a complaint about the name, as in Python.
  if (!force && is_fixed()) {
    raise_already_set();
  }
  StartMethod named = get_context(method).method();
  if (force) {
    g_method.store(static_cast<int>(named), std::memory_order_relaxed);
  } else if (!fix(named)) {
    raise_already_set();
  }
}

void Context::set_start_method(std::nullopt_t, bool force) const {
  if (method_.has_value()) {
    raise(internal::value_error("cannot set start method of concrete context"));
  }
  if (force) {
    g_method.store(kUnset, std::memory_order_relaxed);
  } else if (!fix(kDefault)) {
    raise_already_set();
  }
}

Context Context::get_context() const { return Context(internal::fix_start_method(*this)); }

Context Context::get_context(std::string_view method) const {
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

StartMethod fix_start_method(const Context& context) noexcept {
  if (!context.is_concrete() && !is_fixed()) {
    fix(kDefault);
  }
  return context.method();
}

void inherit_start_method(StartMethod method) noexcept {
  // Not written when nothing changes: in a forked child a write copies a page.
  if (g_method.load(std::memory_order_relaxed) != static_cast<int>(method)) {
    g_method.store(static_cast<int>(method), std::memory_order_relaxed);
  }
}

}  // namespace internal
}  // namespace mp
