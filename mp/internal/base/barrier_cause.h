// mp/internal/base/barrier_cause.h
//
// Why a barrier is broken, between processes and between threads.

#ifndef MP_INTERNAL_BASE_BARRIER_CAUSE_H_
#define MP_INTERNAL_BASE_BARRIER_CAUSE_H_

#include <cstdint>

namespace mp::internal {

enum class BarrierCause : uint8_t { kNone, kAbort, kReset, kTimeout, kDeath, kAction };

// For the text of a BrokenBarrierError, after "is broken: ".
constexpr const char* to_text(BarrierCause cause) noexcept {
  switch (cause) {
    case BarrierCause::kNone:
    case BarrierCause::kAbort:
      return "abort() was called";
    case BarrierCause::kReset:
      return "reset() was called during wait()";
    case BarrierCause::kTimeout:
      return "a wait() timed out";
    case BarrierCause::kDeath:
      return "a process died inside wait()";
    case BarrierCause::kAction:
      return "the action failed";
  }
  return "";
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_BASE_BARRIER_CAUSE_H_
