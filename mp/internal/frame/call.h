// mp/internal/frame/call.h
//
// A call that travels: a callable and its arguments as one message, which run_call() runs in another process of the program.

#ifndef MP_INTERNAL_FRAME_CALL_H_
#define MP_INTERNAL_FRAME_CALL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mp/internal/frame/invoke.h"
#include "mp/internal/frame/message.h"
#include "mp/internal/frame/thunk.h"

namespace mp::internal {

inline constexpr uint64_t kCallRole = hash_of("call");

// Raises the TypeError of a result that cannot be sent.
[[noreturn]] void refuse_result(std::string_view type);

// Runs an F in the receiver. P: its parameters, or Given; S: what the arguments are kept as.
template <class F, class P, class S>
struct CallThunk;

template <class F, class... P, class... S>
struct [[gnu::visibility("hidden")]] CallThunk<F, Types<P...>, Types<S...>> {
  static constexpr bool kCallable =
      std::is_invocable_v<F&, decltype(hand_over<P>(std::declval<S&>()))...>;

  static void run(const Reader& state, Encoder* result) {
    state.expect_items(1 + sizeof...(S), type_name<F>());
    F f = state[0].template as<F>();
    std::tuple<S...> kept = decode(state, std::index_sequence_for<S...>());
    auto call = [&]<size_t... i>(std::index_sequence<i...>)->decltype(auto) {
      return call_with(f, hand_over<P>(std::get<i>(kept))...);
    };
    constexpr auto kAll = std::index_sequence_for<S...>();
    using R = std::decay_t<decltype(call(kAll))>;
    if (result == nullptr) {
      static_cast<void>(call(kAll));
    } else if constexpr (std::is_void_v<R>) {
      call(kAll);
      encode_message(*result, nullptr);
    } else if constexpr (Sendable<R>) {
      const R& value = call(kAll);
      encode_message(*result, value);
    } else {
      refuse_result(type_name<R>());
    }
  }

  inline static const Thunk thunk{kCallRole, type_name<CallThunk>(),
                                  reinterpret_cast<Thunk::Entry>(&run)};

 private:
  template <size_t... i>
  static std::tuple<S...> decode(const Reader& state, std::index_sequence<i...>) {
    return std::tuple<S...>{state[1 + i].template as<S>()...};
  }
};

// Each compiles to an error whose own name says of which callable and argument it speaks.
template <size_t>
struct Takes;
template <size_t>
struct Gets;
template <class Callable, class Count, class GivenCount>
struct WrongNumberOfArguments;
template <class F, size_t takes, size_t gets>
struct WrongNumberOfArguments<F, Takes<takes>, Gets<gets>> {
  static_assert(gets >= takes,
                "mp: this callable takes more arguments than it gets here; the name of "
                "WrongNumberOfArguments says how many. Give all of them: defaults do not count.");
  static_assert(gets <= takes,
                "mp: this callable takes fewer arguments than it gets here; the name of "
                "WrongNumberOfArguments says how many.");
  static constexpr bool value = true;  // as CannotCross's
};
template <size_t>
struct Argument;
template <class>
struct Is;
template <class>
struct ButParameterIs;
template <class Place, class From, class To>
struct ArgumentDoesNotConvert {
  static_assert(!std::is_same_v<Place, Place>,
                "mp: an argument does not convert to the type of its parameter; the name of "
                "ArgumentDoesNotConvert says which, from 1, and both types.");
  static constexpr bool value = true;  // as CannotCross's
};
template <class F, class... A>
struct CannotBeCalledWith {
  static_assert(sizeof...(A) == ~size_t{0},
                "mp: this callable cannot be called with these arguments; the name of "
                "CannotBeCalledWith has their types. They reach it as values of these types.");
  static constexpr bool value = true;  // as CannotCross's
};
template <class P>
struct ChangesAreLost {
  static_assert(!std::is_same_v<P, P>,
                "mp: this callable takes a number by reference and may change it, but it is called "
                "in another process, with a copy: nobody would see the change. Take it by value or "
                "const reference, return the result, or share an mp::Value.");
  static constexpr bool value = true;  // as CannotCross's
};
// A reference that is there to return a number by. One to an object is of use: it may hold handles, or be worked on in place.
template <class P>
inline constexpr bool loses_changes = false;
template <class T>
requires(!std::is_const_v<T>) inline constexpr bool loses_changes<T&> =
    std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class F>
struct BindHides {
  static_assert(sizeof(F*) == 0,
                "mp: a std::bind cannot cross to another process: what it holds is hidden. Use "
                "mp::bind(f, values...), or pass the values as arguments.");
  static constexpr bool value = true;  // as CannotCross's
};
// What must be able to cross for an argument of type A. A std::ref() says that the caller means to share the value, which a copy
// of it would not.
template <class P, class A>
using Sent = std::conditional_t<name_starts<A>("std::reference_wrapper<"), A, Kept<P, A>>;

// Gives the message about a type that cannot cross the argument's place.
template <class Place, class T>
constexpr bool require_argument() {
  return require_shippable<T>();
}

// The types of a call of an F with arguments of types A.
template <class P, class... A>
struct CallTypes {
  static constexpr bool kCountFits = false;
};
template <class... P, class... A>
requires(sizeof...(P) == sizeof...(A)) struct CallTypes<Types<P...>, A...> {
  static constexpr bool kCountFits = true;
  static constexpr bool kShippable = (Shippable<Sent<P, A>> && ...);
  static constexpr bool kKeeps = (Keeps<Kept<P, A>, A> && ...);
  static constexpr bool kLosesChanges = (loses_changes<P> || ...);
  template <class F>
  using Thunk = CallThunk<F, Types<P...>, Types<Kept<P, A>...>>;

  // Each argument that does not fit is refused.
  static constexpr bool require() {
    return []<size_t... i>(std::index_sequence<i...>) {
      return (require_argument<Argument<i + 1>, Sent<P, A>>() && ...);
    }
    (std::index_sequence_for<A...>());
  }
  static constexpr bool require_no_loss() {
    return ([] {
      if constexpr (loses_changes<P>) {
        return ChangesAreLost<P>::value;
      } else {
        return true;
      }
    }() && ...);
  }
  static constexpr bool require_conversions() {
    return []<size_t... i>(std::index_sequence<i...>) {
      return (require_conversion<i + 1, P, A>() && ...);
    }
    (std::index_sequence_for<A...>());
  }
  static Encoder::Ref encode(Encoder& e, Encoder::Items& state, const A&... arguments) {
    (state.add(e.value<Kept<P, A>>(keep<Kept<P, A>>(arguments))), ...);
    return e.fields(state);
  }

 private:
  template <size_t place, class Q, class B>
  static constexpr bool require_conversion() {
    if constexpr (Keeps<Kept<Q, B>, B>) {
      return true;
    } else {
      return ArgumentDoesNotConvert<Argument<place>, Is<B>, ButParameterIs<Q>>::value;
    }
  }
};
template <class... A>
struct CallTypes<void, A...> : CallTypes<Types<std::enable_if_t<sizeof(A*) != 0, Given>...>, A...> {
};

template <class F, class... A>
using CallOf = CallTypes<Parameters<std::decay_t<F>>, A...>;

template <class F, class... A>
constexpr bool ships_call() {
  using Call = CallOf<F, A...>;
  if constexpr (!Shippable<std::decay_t<F>> || !Call::kCountFits) {
    return false;
  } else if constexpr (!Call::kShippable || !Call::kKeeps || Call::kLosesChanges) {
    return false;
  } else {
    return Call::template Thunk<std::decay_t<F>>::kCallable;
  }
}

// F can be sent, together with arguments of types A, and called with them where it is received.
template <class F, class... A>
concept ShippableCall = ships_call<F, A...>();

template <class List>
inline constexpr size_t count_of = 0;
template <class... T>
inline constexpr size_t count_of<Types<T...>> = sizeof...(T);

// Does not compile, with a message that says why, unless ShippableCall; true all the same.
template <class F, class... A>
constexpr bool require_call() {
  using Call = CallOf<F, A...>;
  if constexpr (ships_call<F, A...>()) {
    return true;
  } else if constexpr (std::is_bind_expression_v<std::decay_t<F>>) {
    return BindHides<std::decay_t<F>>::value;
  } else if constexpr (!Shippable<std::decay_t<F>>) {
    return require_shippable<std::decay_t<F>>();
  } else if constexpr (!Call::kCountFits) {
    return WrongNumberOfArguments<std::decay_t<F>, Takes<count_of<Parameters<std::decay_t<F>>>>,
                                  Gets<sizeof...(A)>>::value;
  } else if constexpr (!Call::kShippable) {
    return Call::require();
  } else if constexpr (!Call::kKeeps) {
    return Call::require_conversions();
  } else if constexpr (Call::kLosesChanges) {
    return Call::require_no_loss();
  } else {
    return CannotBeCalledWith<std::decay_t<F>, A...>::value;
  }
}

// The call as a part of a message that is being built.
template <class F, class... A>
Encoder::Ref encode_call_value(Encoder& e, const F& f, const A&... arguments) {
  using Callable = std::decay_t<F>;
  using Call = CallOf<F, A...>;
  Encoder::Level level(e);
  Encoder::Items state(e);
  state.add(e.value<Callable>(keep<Callable>(f)));
  Encoder::Ref parts = Call::encode(e, state, arguments...);
  return e.callable(Call::template Thunk<Callable>::thunk.token(), parts);
}

// Builds the message of a call in `encoder`. Arguments travel as the types of f's parameters, where f tells them (a pointer, an
// operator() that is not overloaded), else as their own decayed types; views as what owns the same.
template <class F, class... A>
void encode_call(Encoder& encoder, const F& f, const A&... arguments) {
  static_assert(require_call<F, A...>());
  if constexpr (ships_call<F, A...>()) {
    Encoder::Building building(encoder);
    encoder.finish(encode_call_value(encoder, f, arguments...));
  }
}

// Runs a call here. Its exceptions leave; so do a CodecError or TypeError when it is none. `result`: gets the message of what
// it returned, None for void.
void run_call(const Reader& call, Encoder* result = nullptr);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_CALL_H_
