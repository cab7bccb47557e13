// mp/internal/frame/codec_function.h
//
// Codecs of pointers to functions and member functions.

#ifndef MP_INTERNAL_FRAME_CODEC_FUNCTION_H_
#define MP_INTERNAL_FRAME_CODEC_FUNCTION_H_

#include <cstring>

#include "mp/internal/frame/codec_base.h"
#include "mp/internal/frame/thunk.h"

namespace mp::internal {

template <class T>
CodePointer take_apart(T function) {
  static_assert(sizeof function <= sizeof(CodePointer));
  CodePointer pointer;
  std::memcpy(static_cast<void*>(&pointer), &function, sizeof function);
  return pointer;
}

template <class T>
struct BuiltIn<T, Category::kFunction> {
  static Encoder::Ref encode(Encoder& e, T v) {
    return v == nullptr ? e.none() : encode_pointer(e, take_apart(v), type_name<T>());
  }
  static T decode(const Reader& r) {
    T v = nullptr;
    if (!r.is_none()) {
      CodePointer pointer = decode_pointer(r, type_name<T>());
      std::memcpy(&v, static_cast<void*>(&pointer), sizeof v);
    }
    return v;
  }
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_CODEC_FUNCTION_H_
