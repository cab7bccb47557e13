#include "mp/internal/frame/trace.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <typeinfo>
#include <unordered_map>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "mp/internal/frame/throw_probe.h"
#include "mp/internal/os/module.h"

namespace mp::internal {
namespace {

// What the function that throws calls to do it.
bool throws(const std::string& name) {
  return name.starts_with("__cxa_throw") || name.starts_with("__cxa_rethrow") ||
         name.starts_with("std::rethrow_exception");
}

// What calls the user's function.
bool calls(const std::string& name) {
  return name.starts_with("mp::internal::") || name.starts_with("mp::Bind<") ||
         name.starts_with("mp::Function<") || name.starts_with("std::") ||
         name.starts_with("absl::") ||
         // Of names that Abseil cannot demangle: the lambdas of templates, as clang writes them.
         name.starts_with("_ZZN2mp8internal") || name.starts_with("_ZZNK2mp8internal");
}

// function_name(), looked up once in each thread: tasks fail where others have failed.
const std::string& name_of(const void* address) {
  constexpr size_t kMost = 1024;
  thread_local std::unordered_map<const void*, std::string> names;
  thread_local uint64_t unloaded = 0;
  if (const uint64_t now = modules_unloaded(); names.size() >= kMost || now != unloaded) {
    names.clear();
    unloaded = now;
  }
  auto [at, is_new] = names.try_emplace(address);
  if (is_new) {
    at->second = function_name(address);
  }
  return at->second;
}

// As the probe is told it.
const void* thrown_object(const std::exception_ptr& exception) {
  // libstdc++'s exception_ptr is a pointer to what was thrown.
  const void* object;
  std::memcpy(&object, static_cast<const void*>(&exception), sizeof object);
  return exception.__cxa_exception_type()->__is_pointer_p() ? *static_cast<void* const*>(object)
                                                            : object;
}

}  // namespace

void run_traced(absl::FunctionRef<void()> f) {
  const uintptr_t outer = last_throw.outermost;
  absl::Cleanup restore = [outer] { last_throw.outermost = outer; };
  last_throw.outermost = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  // Another object may lie where the last one lay.
  last_throw.object = nullptr;
  try {
    f();
  } catch (ThrowProbe&) {
    // Never: see throw_probe.h.
  }
}

std::string backtrace_of(const std::exception_ptr& exception) {
  ThrowStack& stack = last_throw;
  std::string text;
  if (exception == nullptr || stack.object == nullptr || thrown_object(exception) != stack.object) {
    return text;
  }
  // Another object may lie there next.
  stack.object = nullptr;
  std::string names[ThrowStack::kMost];
  int first = 0;
  int last = stack.depth;
  for (int i = 0; i < last; ++i) {
    names[i] = name_of(stack.frames[i]);
    if (throws(names[i])) {
      first = i + 1;
    }
  }
  // The user's function may be part of them.
  while (last - first > 1 && calls(names[last - 1])) {
    --last;
  }
  for (int i = first; i < last; ++i) {
    absl::StrAppend(
        &text, "#", i - first, " ",
        names[i].empty()
            ? absl::StrCat("0x", absl::Hex(reinterpret_cast<uintptr_t>(stack.frames[i])))
            : names[i],
        "\n");
  }
  return text;
}

}  // namespace mp::internal
