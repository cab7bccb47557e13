// A library that thunk_test compiles, loads, closes and loads again. It uses the mp of the program that loads it.

#include "mp/internal/frame/call.h"

extern "C" int plugin_multiply(int a, int b) { return a * b; }

// A call whose code is in this library: of a lambda, or of a pointer.
extern "C" void plugin_encode(mp::Encoder* encoder, bool pointer) {
  if (pointer) {
    mp::internal::encode_call(*encoder, &plugin_multiply, 6, 7);
  } else {
    mp::internal::encode_call(
        *encoder, [](int a, int b) { return 10 * a + b; }, 6, 7);
  }
}
