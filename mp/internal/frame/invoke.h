// mp/internal/frame/invoke.h
//
// Calling what can be called, and what its arguments are kept as on the way.

#ifndef MP_INTERNAL_FRAME_INVOKE_H_
#define MP_INTERNAL_FRAME_INVOKE_H_

#include <cstddef>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/frame/category.h"
#include "mp/internal/frame/codec_base.h"
#include "mp/internal/frame/codec_function.h"
#include "mp/internal/frame/codec_values.h"
#include "mp/internal/frame/thunk.h"

namespace mp::internal {

// std::invoke, without <functional>, which is large.
template <class F, class... A>
constexpr decltype(auto) call_with(F&& f, A&&... args) {
  return std::apply(std::forward<F>(f), std::forward_as_tuple(std::forward<A>(args)...));
}

// Stands for a parameter whose type the callable does not tell: that of the argument.
struct Given {};

// What a callable's parameters are: Types<...>, or void if it does not tell (overloads, templates).
template <class F>
struct ParametersOf {
  using type = void;
};
template <class R, class... A>
struct ParametersOf<R (*)(A...)> {
  using type = Types<A...>;
};
template <class R, class... A>
struct ParametersOf<R (*)(A...) noexcept> {
  using type = Types<A...>;
};
// The object of a member function may also be a handle or a pointer to it.
template <class M, class C>
struct ParametersOf<M C::*> {
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...));
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...) const);
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...) &);
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...) const&);
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...) noexcept);
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...) const noexcept);
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...) & noexcept);
  template <class R, class... A>
  static Types<Given, A...> of(R (C::*)(A...) const& noexcept);
  static void of(...);
  using type = decltype(of(std::declval<M C::*>()));
};

// The parameters after the first n.
template <class List, size_t n>
struct DropFirst {
  using type = List;
};
template <class First, class... A, size_t n>
requires(n > 0) struct DropFirst<Types<First, A...>, n> : DropFirst<Types<A...>, n - 1> {
};

template <class F>
requires(std::is_class_v<F>&& requires { typename F::Parameters; }) struct ParametersOf<F> {
  using type = typename F::Parameters;
};
template <class F>
requires(
    std::is_class_v<F> && !requires { typename F::Parameters; } &&
    requires { &F::operator(); }) struct ParametersOf<F>
    : DropFirst<typename ParametersOf<decltype(&F::operator())>::type, 1> {
};

template <class F>
using Parameters = typename ParametersOf<F>::type;

// What a decayed T is kept as: views become what owns the same.
template <class T>
struct KeptAs {
  using type = T;
};
template <class T>
requires(category<T>() == Category::kTextView) struct KeptAs<T> {
  using type = std::string;
};
template <class T, size_t n>
struct KeptAs<std::span<T, n>> {
  using type = std::vector<std::remove_const_t<T>>;
};

// What an argument of type A for a parameter P is kept as.
template <class P, class A>
using Kept =
    typename KeptAs<std::decay_t<std::conditional_t<std::is_same_v<P, Given>, A, P>>>::type;

template <class S, class A>
concept Keeps = std::is_same_v<S, A> || std::is_convertible_v<const A&, S> ||
                (category<A>() == Category::kTextView && std::is_same_v<S, std::string>) ||
                requires(const A& a) {
  S(a.begin(), a.end());
};

// A given argument as what it is kept as.
template <class S, class A>
requires Keeps<S, A>
decltype(auto) keep(const A& argument) {
  if constexpr (std::is_same_v<S, A>) {
    return (argument);
  } else if constexpr (category<A>() == Category::kTextView && std::is_same_v<S, std::string>) {
    return S(view_of(argument));
  } else if constexpr (std::is_convertible_v<const A&, S>) {
    return static_cast<S>(argument);
  } else {
    return S(argument.begin(), argument.end());
  }
}

// What is kept, as the parameter P takes it: moved, unless P refers to it or is a view of it.
template <class P, class S>
decltype(auto) hand_over(S& kept) {
  if constexpr (std::is_same_v<std::decay_t<P>, const char*> && std::is_same_v<S, std::string>) {
    return kept.c_str();
  } else if constexpr (std::is_lvalue_reference_v<P> ||
                       !(std::is_same_v<P, Given> || std::is_same_v<std::decay_t<P>, S>)) {
    return (kept);
  } else {
    return std::move(kept);
  }
}

// Compiles to an error that names T.
template <class T>
struct CannotBeCopied {
  static_assert(sizeof(T*) == 0,
                "mp: a call keeps its arguments until it is made, and this one cannot be copied. "
                "Give it away, std::move(x); or a copy, of an mp::Fd mp::Fd::duplicate(fd.get()).");
  static constexpr bool value = true;  // as CannotCross's
};
// An A&& that is to be kept as what it is.
template <class A>
inline constexpr bool can_be_kept = std::is_constructible_v<std::decay_t<A>, A>;
// Does not compile unless it can be; true all the same.
template <class A>
constexpr bool require_kept() {
  if constexpr (can_be_kept<A>) {
    return true;
  } else {
    return CannotBeCopied<std::decay_t<A>>::value;
  }
}

// Raises the TypeError of calling an empty Function.
[[noreturn]] void refuse_empty_call();

// The name of a callable, for people.
template <class F>
std::string callable_name(const F& f) {
  if constexpr (requires { f.name(); }) {
    return f.name();
  } else if constexpr (std::is_class_v<F>) {
    return pretty_name(type_name<F>());
  } else {
    return pointer_name(take_apart(f));
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_INVOKE_H_
