// mp/internal/frame/throw_probe.h
//
// A catch (ThrowProbe&) catches nothing, and is asked first: the C++ runtime looks for a handler, from the throw outwards, before
// it unwinds anything, and asks the type of each catch clause whether it matches. The type information of ThrowProbe is an
// object of ours (throw_probe.cc), which notes the stack and answers no.

#ifndef MP_INTERNAL_FRAME_THROW_PROBE_H_
#define MP_INTERNAL_FRAME_THROW_PROBE_H_

#include <cstdint>

namespace mp::internal {

class ThrowProbe {
 public:
  // Never defined: so the compiler expects the type information elsewhere.
  virtual ~ThrowProbe();
};

struct ThrowStack {
  static constexpr int kMost = 64;
  // __builtin_frame_address() of the function inside which throws are noted; 0: all frames are.
  uintptr_t outermost = 0;
  // What was thrown; of a pointer, where it points. The unwinder asks again on its way back, when frames are gone: the first
  // answer stays.
  const void* object = nullptr;
  int depth = 0;
  void* frames[kMost] = {};
};

// The stack that was noted last in this thread.
extern thread_local constinit ThrowStack last_throw;

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_THROW_PROBE_H_
