// mp/internal/frame/holdable.h
//
// What an mp::Object can hold of what can be sent, and what the compiler says of the rest.

#ifndef MP_INTERNAL_FRAME_HOLDABLE_H_
#define MP_INTERNAL_FRAME_HOLDABLE_H_

#include <exception>
#include <type_traits>

#include "mp/internal/frame/category.h"
#include "mp/internal/frame/codec_base.h"

namespace mp {

class Fd;

namespace internal {

// Functions, lambdas, mp::fn, mp::bind, mp::Function, structs that are called.
template <class T>
inline constexpr bool is_code = category<T>() == Category::kFunction
                                || category<T>() == Category::kEmpty || requires {
  &T::operator();
}
|| requires { typename T::Parameters; };

template <class T>
using CannotBeHeld = std::bool_constant<is_code<T> || std::is_same_v<T, Fd> ||
                                        std::is_same_v<T, std::exception_ptr>>;

// Compiles to an error that names T, and Whole, whose part it is.
template <class T, class Whole>
struct NotInAnObject {
  static_assert(!is_code<T>,
                "mp: an mp::Object holds no code. Send it as itself: "
                "mp::Queue<mp::Function<R(A...)>>, or a struct with a field for it.");
  static_assert(!std::is_same_v<T, Fd>,
                "mp: an mp::Object holds no file descriptor. Send it as itself: "
                "mp::Queue<mp::Fd>, or a struct with a field for it.");
  static_assert(!std::is_same_v<T, std::exception_ptr>,
                "mp: an mp::Object holds no exception. Send it as itself, "
                "mp::Queue<std::exception_ptr>, or its text, mp::describe(e).");
  static constexpr bool value = true;  // as CannotCross's
};

// Does not compile unless an Object can hold a T; true all the same.
template <class T>
constexpr bool require_holdable() {
  return require<T, CannotBeHeld, NotInAnObject>();
}

}  // namespace internal
}  // namespace mp

#endif  // MP_INTERNAL_FRAME_HOLDABLE_H_
