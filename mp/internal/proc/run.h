// mp/internal/proc/run.h
//
// What surrounds the user's function in a process or thread of its own.

#ifndef MP_INTERNAL_PROC_RUN_H_
#define MP_INTERNAL_PROC_RUN_H_

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"

namespace mp::internal {

// What mp::exit() throws: of no class that a user's handler names, as Python's SystemExit is no Exception. Code of mp that
// catches what a user's function throws lets it pass, or obeys it.
struct ExitRequest {
  int code;  // 0 to 255
};

// Calls `body`; the code, if an mp::exit() in it unwound to here. What else it throws passes through.
std::optional<int> catch_exit(absl::FunctionRef<void()> body);

// Calls `body` and returns the exit code: 0; that of mp::exit(); or 1 after an exception, once `heading`, the stack
// at the throw and the exception's type and text are on stderr. A pthread_exit() in it unwinds on.
int run_guarded(absl::FunctionRef<std::string()> heading, absl::FunctionRef<void()> body);

// mp::exit(): unwinds to the nearest of these two on this thread's stack; std::exit() if there is none.
[[noreturn]] void request_exit(int code);
// For a handler of all exceptions between the two: passes on what request_exit() threw, and what pthread_exit() does.
void rethrow_if_exit();

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_RUN_H_
