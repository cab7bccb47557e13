// mp/internal/frame/trace.h
//
// Where an exception was thrown: noted while the stack of the throw still stands.

#ifndef MP_INTERNAL_FRAME_TRACE_H_
#define MP_INTERNAL_FRAME_TRACE_H_

#include <exception>
#include <string>
#include <type_traits>

namespace mp::internal {

// Calls f(arg). Returns the exception that left it, null if none did. Costs nothing unless one does.
std::exception_ptr run_traced(void (*f)(void*), void* arg);

template <class F>
std::exception_ptr run_traced(F&& f) {
  return run_traced([](void* p) { (*static_cast<std::remove_reference_t<F>*>(p))(); }, &f);
}

// The stack at the throw, a line per frame, the innermost first, down to run_traced(); "" if this thread's last run_traced()
// did not return this exception. Symbols are looked up now, which takes milliseconds.
std::string backtrace_of(const std::exception_ptr& exception);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_TRACE_H_
