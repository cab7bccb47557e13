// mp/internal/frame/failure.h
//
// Exceptions as values: Codec<std::exception_ptr>, and how a program's own types join in (mp/remote_error.h).

#ifndef MP_INTERNAL_FRAME_FAILURE_H_
#define MP_INTERNAL_FRAME_FAILURE_H_

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

#include "mp/internal/frame/codec_base.h"

namespace mp {

// The same type again if it is one of the standard library's, of mp's or registered; else an mp::RemoteError.
template <>
struct Codec<std::exception_ptr> {
  static Encoder::Ref encode(Encoder& e, const std::exception_ptr& exception);
  static std::exception_ptr decode(const Reader& r);
};

namespace internal {

// A type of exception that comes back as itself.
struct ExceptionType {
  const std::type_info* type;
  std::string_view name;
  // What the message shall hold besides the text of this object; nothing if null.
  Encoder::Ref (*encode)(Encoder& e, const void* object);
  // Throws it.
  void (*rethrow)(const FailureText& failure, const Reader& state);
};
// `type` must stay.
void register_exception_type(const ExceptionType& type);

// Builds the message of an exception, which must not be null.
void encode_exception(Encoder& encoder, const std::exception_ptr& exception);
// Throws the exception that a value is.
[[noreturn]] void rethrow(const Reader& r);
// "ValueError: no such key", "std::out_of_range: map::at"; "" for none.
std::string describe(const std::exception_ptr& exception);

}  // namespace internal
}  // namespace mp

#endif  // MP_INTERNAL_FRAME_FAILURE_H_
