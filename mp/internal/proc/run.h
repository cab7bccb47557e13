// mp/internal/proc/run.h
//
// What surrounds the user's function in a process or thread of its own.

#ifndef MP_INTERNAL_PROC_RUN_H_
#define MP_INTERNAL_PROC_RUN_H_

#include <string>

#include "absl/functional/function_ref.h"

namespace mp::internal {

// Calls `body` and returns the exit code: 0; that of mp::exit(); or 1 after an exception, once `heading` and the
// exception's type and text are on stderr.
int run_guarded(absl::FunctionRef<std::string()> heading, absl::FunctionRef<void()> body);

// mp::exit(): unwinds to run_guarded() if that is below on this thread's stack, else std::exit().
[[noreturn]] void request_exit(int code);

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_RUN_H_
