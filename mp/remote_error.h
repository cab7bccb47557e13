// mp/remote_error.h
//
// How exceptions cross: an error thrown in a child, a task or a manager comes back as the same type if that is one of the
// standard library's, of mp's, or registered here,
//
//   namespace app {
//   struct Broken : std::runtime_error { using runtime_error::runtime_error; };
//   const bool kRegistered = mp::register_exception<Broken>();
//   }
//
// and as an mp::RemoteError otherwise: with the name of the type, its text, and the stack where it was thrown.
//
// Safety     Any thread. Register at namespace scope, so that every process of the program knows the type.
// Blocking   Registering waits for another that registers; nothing else.
// Cost       Like the type's own Codec; an unregistered one is looked up by symbol, which takes milliseconds.
// Death      Who is killed throws nothing: exitcode() says so.
// Crossing   By the type's name: it also works between different programs that both registered it.
// Python     Exception classes are pickled, and need the class on both sides; a class derived from a registered one is not
//            registered.

#ifndef MP_REMOTE_ERROR_H_
#define MP_REMOTE_ERROR_H_

#include <exception>
#include <string>
#include <type_traits>

#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/internal/frame/failure.h"

namespace mp {

// Makes E cross as itself: by its Codec if it has one (fields() counts), else made from its text, E(what). Returns true.
template <class E>
bool register_exception() {
  static_assert(std::is_class_v<E> && std::is_same_v<E, std::remove_cvref_t<E>>);
  internal::ExceptionType type{&typeid(E), internal::type_name<E>(), nullptr, nullptr};
  if constexpr (Shippable<E>) {
    type.encode = [](Encoder& e, const void* object) {
      return e.value<E>(*static_cast<const E*>(object));
    };
    type.rethrow = [](const internal::FailureText&, const Reader& state) {
      std::rethrow_exception(std::make_exception_ptr(state.as<E>()));
    };
  } else {
    static_assert(
        std::is_base_of_v<std::exception, E> && std::is_constructible_v<E, const std::string&>,
        "mp: an exception type needs an mp::Codec, or must be a std::exception that can be "
        "made from its text.");
    type.rethrow = [](const internal::FailureText& failure, const Reader&) {
      std::rethrow_exception(std::make_exception_ptr(E(std::string(failure.text))));
    };
  }
  internal::register_exception_type(type);
  return true;
}

// "ValueError: no such key", "std::out_of_range: map::at": what a log says of an exception.
inline std::string describe(const std::exception_ptr& exception) {
  return internal::describe(exception);
}

}  // namespace mp

#endif  // MP_REMOTE_ERROR_H_
