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
// and as an mp::RemoteError otherwise: with the name of the type, its text, and the stack where it was thrown. Of one that comes
// back as its own type the RemoteError is the cause, unless that type has no virtual functions, is final, may throw when it is
// destroyed, or has a cause of its own:
//
//   try {
//     pool.apply(parse, text);
//   } catch (const std::out_of_range& e) {
//     try {
//       std::rethrow_if_nested(e);
//     } catch (const mp::RemoteError& where) {
//       std::cerr << where.backtrace();  // "#0 app::Table::at()", "#1 app::parse()", ...
//     }
//   }
//
// Safety     Any thread. Register at namespace scope, so that every process of the program knows the type.
// Blocking   Registering waits for another that registers; nothing else.
// Cost       Nothing until there is an exception. The stack of one that leaves a task is walked once and its functions are looked
//            up, which takes a worker milliseconds the first time; a program without symbols has addresses instead of names.
// Death      Who is killed throws nothing: exitcode() says so.
// Crossing   By the type's name: it also works between different programs that both registered it.
// Python     Exception classes are pickled, and need the class on both sides; a class derived from a registered one is not
//            registered. The stack has no source lines, and begins at the last throw: of one that was caught and thrown again
//            the first is not known. An exception sent as a value, in a Queue<std::exception_ptr>, has none.

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
  internal::ExceptionType type{&typeid(E), internal::type_with_cause<E>(), internal::type_name<E>(),
                               nullptr, nullptr};
  if constexpr (Shippable<E>) {
    type.encode = [](Encoder& e, const void* object) {
      return e.value<E>(*static_cast<const E*>(object));
    };
    type.rethrow = [](const internal::FailureText& failure, const Reader& state) {
      internal::throw_remote(state.as<E>(), failure);
    };
  } else {
    static_assert(
        std::is_base_of_v<std::exception, E> && std::is_constructible_v<E, const std::string&>,
        "mp: an exception type needs an mp::Codec, or must be a std::exception that can be "
        "made from its text.");
    type.rethrow = [](const internal::FailureText& failure, const Reader&) {
      internal::throw_remote(E(std::string(failure.text)), failure);
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
