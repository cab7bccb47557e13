#include "mp/internal/frame/throw_probe.h"

#include <unwind.h>

#include <typeinfo>

namespace mp::internal {
namespace {

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* arg) {
  ThrowStack& stack = *static_cast<ThrowStack*>(arg);
  // A context's CFA is the stack pointer at the call that it is in: so this one is the caller of the outermost.
  if (stack.outermost != 0 && _Unwind_GetCFA(context) > stack.outermost) {
    --stack.depth;
    return _URC_END_OF_STACK;
  }
  if (stack.depth == ThrowStack::kMost) {
    return _URC_END_OF_STACK;
  }
  // A return address is behind its call.
  stack.frames[stack.depth++] = reinterpret_cast<void*>(_Unwind_GetIP(context) - 1);
  return _URC_NO_REASON;
}

}  // namespace

thread_local constinit ThrowStack last_throw;

class ProbeType final : public std::type_info {
 public:
  ProbeType() : std::type_info("N2mp8internal10ThrowProbeE") {}
  bool __do_catch(const std::type_info*, void** object, unsigned) const override {
    if (last_throw.object != *object) {
      last_throw.object = *object;
      last_throw.depth = 0;
      _Unwind_Backtrace(note_frame, &last_throw);
    }
    return false;
  }
};

// This name is how catch clauses find the type information of ThrowProbe.
extern const ProbeType probe_type __asm__("_ZTIN2mp8internal10ThrowProbeE");
const ProbeType probe_type;

}  // namespace mp::internal
