// mp/internal/frame/trace.h
//
// Where an exception was thrown: noted while the stack of the throw still stands.

#ifndef MP_INTERNAL_FRAME_TRACE_H_
#define MP_INTERNAL_FRAME_TRACE_H_

#include <exception>
#include <string>

#include "absl/functional/function_ref.h"

namespace mp::internal {

// Calls `f`. An exception passes through; the stack of its throw is noted on the way. Costs nothing unless there is one, then a
// walk along the stack, from the throw down to here.
void run_traced(absl::FunctionRef<void()> f);

// In a handler of what left run_traced() in this thread: the stack at the throw, a line per frame, the innermost first, down to
// run_traced(); "" of any other exception, and when it is asked again. One that a function caught and threw again may have been noted there only. Symbols
// are looked up now, which takes milliseconds the first time.
std::string backtrace_of(const std::exception_ptr& exception);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_TRACE_H_
