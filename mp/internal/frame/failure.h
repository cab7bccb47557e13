// mp/internal/frame/failure.h
//
// Exceptions as values: Codec<std::exception_ptr>, and how a program's own types join in (mp/remote_error.h).

#ifndef MP_INTERNAL_FRAME_FAILURE_H_
#define MP_INTERNAL_FRAME_FAILURE_H_

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "absl/functional/function_ref.h"
#include "mp/internal/frame/codec_base.h"

namespace mp {

// The same type again if it is one of the standard library's, of mp's or registered; else an mp::RemoteError.
template <>
struct Codec<std::exception_ptr> {
  static Encoder::Ref encode(Encoder& e, const std::exception_ptr& exception);
  static std::exception_ptr decode(const Reader& r);
};

namespace internal {

// An E from another process: its cause is a RemoteError that tells where it was thrown there.
template <class E>
class WithCause final : public E, public std::nested_exception {
 public:
  // In a handler of the cause.
  explicit WithCause(E error) : E(std::move(error)) {}
};
// std::rethrow_if_nested() looks at objects of such classes only.
template <class E>
concept MayHaveCause =
    std::is_polymorphic_v<E> && !std::is_final_v<E> && std::is_nothrow_destructible_v<E> &&
    !std::is_base_of_v<std::nested_exception, E>;

// The type_info of WithCause<E>, null if there is none.
template <class E>
const std::type_info* type_with_cause() {
  if constexpr (MayHaveCause<E>) {
    return &typeid(WithCause<E>);
  }
  return nullptr;
}

// Calls `f` in a handler of the cause that `failure` tells.
void handle_cause(const FailureText& failure, absl::FunctionRef<void()> f);

// Throws `error`, with its cause if `failure` tells one.
template <class E>
[[noreturn]] void throw_remote(E error, const FailureText& failure) {
  if constexpr (MayHaveCause<E>) {
    if (!failure.backtrace.empty()) {
      handle_cause(failure, [&] {
        std::rethrow_exception(std::make_exception_ptr(WithCause<E>(std::move(error))));
      });
    }
  }
  std::rethrow_exception(std::make_exception_ptr(std::move(error)));
}

// A type of exception that comes back as itself.
struct ExceptionType {
  const std::type_info* type;
  const std::type_info* with_cause;
  std::string_view name;
  // What the message shall hold besides the text of this object; nothing if null. An E is at the beginning of its WithCause.
  Encoder::Ref (*encode)(Encoder& e, const void* object);
  // Throws it.
  void (*rethrow)(const FailureText& failure, const Reader& state);
};
// The type_infos must stay.
void register_exception_type(const ExceptionType& type);

// Builds the message of an exception, which must not be null. `backtrace` is where it was thrown, if it does not tell itself.
void encode_exception(Encoder& encoder, const std::exception_ptr& exception,
                      std::string_view backtrace = {});
// Throws the exception that a value is.
[[noreturn]] void rethrow(const Reader& r);
// "ValueError: no such key", "std::out_of_range: map::at"; "" for none.
std::string describe(const std::exception_ptr& exception);
// The same below the stack at its throw, "Traceback (most recent call first):\n#0 ...": the one that it brought along, else
// `backtrace` unless that is empty.
std::string traceback(const std::exception_ptr& exception, std::string_view backtrace);

}  // namespace internal
}  // namespace mp

#endif  // MP_INTERNAL_FRAME_FAILURE_H_
