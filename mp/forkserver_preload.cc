#include "mp/forkserver_preload.h"

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/proc/fork_guard.h"
#include "mp/internal/proc/preload.h"
#include "mp/internal/proc/run.h"
#include "mp/internal/proc/shipped_target.h"

namespace mp {
namespace {

// In the server.
void preload(const std::vector<Function<void()>>& functions, const std::string& on_error) {
  for (const Function<void()>& function : functions) {
    if (on_error == "fail") {
      function();  // not caught: its backtrace would end here
      continue;
    }
    try {
      function();
    } catch (const internal::ExitRequest&) {
      throw;
    } catch (...) {
      if (on_error == "warn") {
        std::string text =
            absl::StrCat("mp: the fork server's preload ", function.name(),
                         " failed: ", internal::describe(std::current_exception()), "\n");
        std::fputs(text.c_str(), stderr);
      }
    }
  }
}

}  // namespace

void set_forkserver_preload(std::vector<Function<void()>> functions, std::string_view on_error) {
  if (on_error != "ignore" && on_error != "warn" && on_error != "fail") {
    raise(internal::value_error(absl::StrCat("on_error must be 'ignore', 'warn' or 'fail', not '",
                                             std::string(on_error), "'")));
  }
  auto call = functions.empty()
                  ? nullptr
                  : internal::ship(preload, std::move(functions), std::string(on_error));
  std::unique_ptr<internal::Target> before;
  internal::StartLock lock;
  before = internal::exchange_preload(std::move(call));
}

}  // namespace mp
