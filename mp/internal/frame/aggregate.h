// mp/internal/frame/aggregate.h
//
// The fields of an aggregate, found without macros: the largest number of initializers it takes is
// the number of its fields, and a structured binding with as many names gives them.

#ifndef MP_INTERNAL_FRAME_AGGREGATE_H_
#define MP_INTERNAL_FRAME_AGGREGATE_H_

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace mp::internal {

inline constexpr size_t kMostFields = 24;

// Converts to anything, so it initializes any field but a C array. A field whose type takes anything too would be ambiguous: it
// must not take a probe.
struct Anything {
  using IsProbe = void;
  // Not the tags that select another constructor of a field.
  template <class T>
  requires(!std::is_same_v<T, std::allocator_arg_t> &&
           !std::is_same_v<T, std::piecewise_construct_t> && !std::is_same_v<T, std::in_place_t>)
  operator T() const {
    __builtin_trap();  // never called, but clang wants a body
  }
};

// Converts to a base class of T only. Not copyable: a std::any takes whatever can be copied.
template <class T>
struct AnyBase {
  using IsProbe = void;
  AnyBase() = default;
  AnyBase(const AnyBase&) = delete;
  template <class B>
  requires(std::is_base_of_v<B, T> && !std::is_same_v<B, T>) operator B() const;
};

template <class T>
inline constexpr bool is_probe = requires {
  typename T::IsProbe;
};

// T{before x Anything, {nested x Anything}, after x Anything} is well-formed.
template <class T, size_t... before, size_t... nested, size_t... after>
constexpr bool takes_nested(std::index_sequence<before...>, std::index_sequence<nested...>,
                            std::index_sequence<after...>) {
  return requires {
    T{((void)before, Anything{})..., {((void)nested, Anything{})...}, ((void)after, Anything{})...};
  };
}

template <class T, size_t... i>
constexpr bool takes(std::index_sequence<i...>) {
  return requires { T{((void)i, Anything{})...}; };
}

template <class T, size_t... n>
constexpr size_t most_of(std::index_sequence<n...>) {
  size_t most = 0;
  ((takes<T>(std::make_index_sequence<n>()) ? most = n : 0), ...);
  return most;
}

// The most initializers that T takes, up to kMostFields + 1. The elements of a C array count one by
// one.
template <class T>
constexpr size_t count_initializers() {
  return most_of<T>(std::make_index_sequence<kMostFields + 2>());
}

// A C array at place i of n takes k > 1 initializers as one brace, and then only n - i - k more.
template <class T, size_t n, size_t i, size_t k>
constexpr bool is_array_at() {
  using Before = std::make_index_sequence<i>;
  using Nested = std::make_index_sequence<k>;
  return takes_nested<T>(Before(), Nested(), std::make_index_sequence<n - i - k>()) &&
         !takes_nested<T>(Before(), Nested(), std::make_index_sequence<n - i - k + 1>());
}

template <class T, size_t n, size_t i, size_t... k>
constexpr bool is_any_array_at(std::index_sequence<k...>) {
  return (is_array_at<T, n, i, k + 2>() || ...);
}

template <class T, size_t n, size_t... i>
constexpr bool has_array(std::index_sequence<i...>) {
  return (is_any_array_at<T, n, i>(std::make_index_sequence<n - i - 1>()) || ...);
}

enum class AggregateProblem { kNone, kBase, kArray, kReference, kTooManyFields };

template <class T>
constexpr AggregateProblem aggregate_problem() {
  constexpr size_t n = count_initializers<T>();
  if constexpr (requires { T{AnyBase<T>{}}; }) {
    return AggregateProblem::kBase;
  } else if constexpr (n > kMostFields) {
    return AggregateProblem::kTooManyFields;
  } else if constexpr (has_array<T, n>(std::make_index_sequence<n>())) {
    return AggregateProblem::kArray;
  } else if constexpr (n == 0 && !std::is_empty_v<T>) {
    return AggregateProblem::kReference;
  } else {
    return AggregateProblem::kNone;
  }
}

// Calls use(f0, f1, ...) with the fields of t. Bit-fields arrive as copies.
template <class T, class F>
constexpr decltype(auto) with_fields(const T& t, F&& use) {
  constexpr size_t n = count_initializers<T>();
  static_assert(n <= kMostFields);
  if constexpr (n == 0) {
    return use();
  } else if constexpr (n == 1) {
    const auto& [f0] = t;
    return use(f0);
  } else if constexpr (n == 2) {
    const auto& [f0, f1] = t;
    return use(f0, f1);
  } else if constexpr (n == 3) {
    const auto& [f0, f1, f2] = t;
    return use(f0, f1, f2);
  } else if constexpr (n == 4) {
    const auto& [f0, f1, f2, f3] = t;
    return use(f0, f1, f2, f3);
  } else if constexpr (n == 5) {
    const auto& [f0, f1, f2, f3, f4] = t;
    return use(f0, f1, f2, f3, f4);
  } else if constexpr (n == 6) {
    const auto& [f0, f1, f2, f3, f4, f5] = t;
    return use(f0, f1, f2, f3, f4, f5);
  } else if constexpr (n == 7) {
    const auto& [f0, f1, f2, f3, f4, f5, f6] = t;
    return use(f0, f1, f2, f3, f4, f5, f6);
  } else if constexpr (n == 8) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7);
  } else if constexpr (n == 9) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8);
  } else if constexpr (n == 10) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9);
  } else if constexpr (n == 11) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10);
  } else if constexpr (n == 12) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11);
  } else if constexpr (n == 13) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12);
  } else if constexpr (n == 14) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13);
  } else if constexpr (n == 15) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14);
  } else if constexpr (n == 16) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15);
  } else if constexpr (n == 17) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16);
  } else if constexpr (n == 18) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17] =
        t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17);
  } else if constexpr (n == 19) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18);
  } else if constexpr (n == 20) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18,
               f19);
  } else if constexpr (n == 21) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18,
               f19, f20);
  } else if constexpr (n == 22) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18,
               f19, f20, f21);
  } else if constexpr (n == 23) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18,
               f19, f20, f21, f22);
  } else if constexpr (n == 24) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23] = t;
    return use(f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18,
               f19, f20, f21, f22, f23);
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_AGGREGATE_H_
