#include "mp/internal/proc/run.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "absl/strings/str_cat.h"
#include "mp/internal/frame/failure.h"

namespace mp::internal {
namespace {

// Of no class that a user's handler names, as Python's SystemExit is no Exception.
struct ExitRequest {
  int code;
};

thread_local int t_guarded = 0;

}  // namespace

int run_guarded(absl::FunctionRef<std::string()> heading, absl::FunctionRef<void()> body) {
  ++t_guarded;
  int code = 0;
  try {
    body();
  } catch (const ExitRequest& request) {
    code = request.code & 0xff;
  } catch (...) {
    // One write, so that the texts of several processes do not mix.
    std::string text = absl::StrCat(heading(), ":\n", describe(std::current_exception()), "\n");
    std::fputs(text.c_str(), stderr);
    code = 1;
  }
  --t_guarded;
  return code;
}

void request_exit(int code) {
  if (t_guarded > 0) {
    throw ExitRequest{code};
  }
  std::exit(code & 0xff);
}

}  // namespace mp::internal
