#include "mp/internal/frame/trace.h"

#include <cxxabi.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/internal/frame/throw_probe.h"
#include "mp/internal/os/module.h"

namespace mp::internal {
namespace {

thread_local std::exception_ptr last_exception;

}  // namespace

std::exception_ptr run_traced(void (*f)(void*), void* arg) {
  last_exception = nullptr;
  try {
    f(arg);
  } catch (ThrowProbe&) {
    // Never: see throw_probe.h.
  } catch (abi::__forced_unwind&) {
    throw;  // the thread is being cancelled
  } catch (...) {
    last_exception = std::current_exception();
  }
  return last_exception;
}

std::string backtrace_of(const std::exception_ptr& exception) {
  std::string text;
  if (exception == nullptr || exception != last_exception) {
    return text;
  }
  const ThrowStack& stack = last_throw;
  std::string names[ThrowStack::kMost];
  int first = 0;
  int last = stack.depth;
  for (int i = 0; i < last; ++i) {
    names[i] = function_name(stack.frames[i]);
    if (names[i].starts_with("__cxa_throw") || names[i].starts_with("__cxa_rethrow") ||
        names[i].starts_with("std::rethrow_exception")) {
      first = i + 1;
    } else if (names[i].starts_with("mp::internal::run_traced")) {
      last = i;
    }
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
