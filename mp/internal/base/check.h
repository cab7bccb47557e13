// mp/internal/base/check.h
//
// check: one part of mp misusing another is a bug, not an error; it ends the process with a
// sentence.

#ifndef MP_INTERNAL_BASE_CHECK_H_
#define MP_INTERNAL_BASE_CHECK_H_

namespace mp::internal {

// Writes "mp: file:line: what" to stderr and aborts. Async-signal-safe.
[[noreturn]] void check_failed(const char* what, const char* file, int line) noexcept;

inline void check(bool ok, const char* what, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) noexcept {
  if (!ok) [[unlikely]] {
    check_failed(what, file, line);
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_BASE_CHECK_H_
