#include "mp/internal/proc/run.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/frame/trace.h"

namespace mp::internal {
namespace {

// How many catch_exit() are on this thread's stack.
thread_local int t_catching = 0;

}  // namespace

std::optional<int> catch_exit(absl::FunctionRef<void()> body) {
  ++t_catching;
  absl::Cleanup done = [] { --t_catching; };
  try {
    body();
  } catch (const ExitRequest& request) {
    return request.code;
  }
  return std::nullopt;
}

int run_guarded(absl::FunctionRef<std::string()> heading, absl::FunctionRef<void()> body) {
  int code = 0;
  try {
    run_traced([&] { code = catch_exit(body).value_or(0); });
    return code;
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_exit()
  } catch (...) {
    std::exception_ptr error = std::current_exception();
    // One write, so that the texts of several processes do not mix.
    std::string text = absl::StrCat(heading(), ":\n", traceback(error, backtrace_of(error)), "\n");
    std::fputs(text.c_str(), stderr);
    return 1;
  }
}

void rethrow_if_exit() {
  try {
    throw;
  } catch (const ExitRequest&) {
    throw;
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_exit() may not be kept from what it does
  } catch (...) {
  }
}

void request_exit(int code) {
  code &= 0xff;
  if (t_catching > 0) {
    throw ExitRequest{code};
  }
  std::exit(code);
}

}  // namespace mp::internal
