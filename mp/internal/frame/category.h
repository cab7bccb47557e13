// mp/internal/frame/category.h
//
// Which of the built-in codecs a type gets. Types are known by what they can do, not by name: so Abseil's containers, optional
// and variant, and other people's, are served by the same few codecs, without their headers.

#ifndef MP_INTERNAL_FRAME_CATEGORY_H_
#define MP_INTERNAL_FRAME_CATEGORY_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mp/internal/frame/form.h"

namespace mp::internal {

enum class Category {
  kNone,  // cannot cross, unless somebody specializes Codec
  kBool,
  kInteger,
  kFloat,
  kEnum,
  kNull,      // std::nullptr_t
  kText,      // owns its characters
  kTextView,  // does not; sent as text
  kPath,      // std::filesystem::path
  kFunction,  // pointer to a function or member function
  kOptional,
  kVariant,
  kDuration,
  kTime,
  kTuple,  // pair and tuple
  kMap,
  kSet,
  kScalars,   // contiguous numbers
  kSequence,  // any other range
  kFieldsOf,  // has fields()
  kEmpty,     // nothing to send: a lambda without captures, std::plus<>
  kAggregate,
};

template <class T, template <class...> class Template>
inline constexpr bool is_instance = false;
template <template <class...> class Template, class... A>
inline constexpr bool is_instance<Template<A...>, Template> = true;

template <class T>
concept TextLike = requires(const T& t) {
  { t.c_str() } -> std::same_as<const char*>;
  { t.size() } -> std::convertible_to<size_t>;
  T(t.data(), t.size());
  requires std::is_same_v<typename T::value_type, char>;
};

template <class T>
concept TextViewLike = requires(T& t, const T& c) {
  { c.data() } -> std::same_as<const char*>;
  { c.size() } -> std::convertible_to<size_t>;
  t.remove_prefix(1);
};

template <class T>
concept PathLike = requires(const T& t) {
  { t.native() } -> std::same_as<const std::string&>;
  t.lexically_normal();
};

template <class T>
concept OptionalLike = requires(T& t, const T& c) {
  typename T::value_type;
  { c.has_value() } -> std::same_as<bool>;
  { *c } -> std::same_as<const typename T::value_type&>;
  t.reset();
  t.emplace(std::declval<typename T::value_type>());
};

template <class T>
inline constexpr bool has_alternatives = false;
template <template <class...> class V, class... A>
inline constexpr bool has_alternatives<V<A...>> = requires(const V<A...>& v) {
  { v.index() } -> std::convertible_to<size_t>;
  { v.valueless_by_exception() } -> std::same_as<bool>;
};

template <class T>
concept DurationLike = requires(const T& t) {
  typename T::rep;
  T::period::num;
  T::period::den;
  { t.count() } -> std::same_as<typename T::rep>;
};

template <class T>
concept TimeLike = requires(const T& t) {
  typename T::clock;
  { t.time_since_epoch() } -> std::same_as<typename T::duration>;
};

template <class T>
concept RangeLike = requires(const T& t) {
  t.begin() != t.end();
  *t.begin();
};

template <class T>
struct RangeValue {
  using type = std::remove_cvref_t<decltype(*std::declval<const T&>().begin())>;
};
template <class T>
requires requires { typename T::value_type; }
struct RangeValue<T> {
  using type = std::remove_cv_t<typename T::value_type>;
};
// Of a range: the type of its elements.
template <class T>
using range_value = typename RangeValue<T>::type;

// Numbers side by side in memory.
template <class T>
concept ScalarsLike = RangeLike<T> && Scalar<range_value<T>> && requires(const T& t) {
  { t.data() } -> std::convertible_to<const range_value<T>*>;
  { t.size() } -> std::convertible_to<size_t>;
};

template <class T>
concept HasFields = requires(T& t) {
  std::tuple_size<decltype(t.fields())>::value;
};

template <class T>
inline constexpr bool is_char_array = false;
template <size_t n>
inline constexpr bool is_char_array<char[n]> = true;

template <class T>
constexpr Category category() {
  using enum Category;
  if constexpr (!std::is_same_v<T, std::remove_cvref_t<T>>) {
    return kNone;
  } else if constexpr (std::is_same_v<T, bool>) {
    return kBool;
  } else if constexpr (std::is_integral_v<T>) {
    return sizeof(T) <= 8 ? kInteger : kNone;
  } else if constexpr (std::is_floating_point_v<T>) {
    return sizeof(T) <= 8 ? kFloat : kNone;
  } else if constexpr (std::is_enum_v<T>) {
    return kEnum;
  } else if constexpr (std::is_null_pointer_v<T>) {
    return kNull;
  } else if constexpr (is_char_array<T> || std::is_same_v<T, const char*> ||
                       std::is_same_v<T, char*>) {
    return kTextView;
  } else if constexpr (std::is_array_v<T>) {
    return kNone;
  } else if constexpr ((std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>) ||
                       std::is_member_function_pointer_v<T>) {
    return kFunction;
  } else if constexpr (!std::is_class_v<T>) {
    return kNone;
  } else if constexpr (TextLike<T>) {
    return kText;
  } else if constexpr (TextViewLike<T>) {
    return kTextView;
  } else if constexpr (PathLike<T>) {
    return kPath;
  } else if constexpr (HasFields<T>) {
    return kFieldsOf;
  } else if constexpr (OptionalLike<T>) {
    return kOptional;
  } else if constexpr (has_alternatives<T>) {
    return kVariant;
  } else if constexpr (DurationLike<T>) {
    return kDuration;
  } else if constexpr (TimeLike<T>) {
    return kTime;
  } else if constexpr (ScalarsLike<T>) {
    return kScalars;
  } else if constexpr (RangeLike<T>) {
    if constexpr (std::is_same_v<range_value<T>, T>) {
      return kNone;
    } else if constexpr (requires { typename T::mapped_type; }) {
      return kMap;
    } else if constexpr (requires { typename T::key_type; }) {
      return kSet;
    } else {
      return kSequence;
    }
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    return kTuple;
  } else if constexpr (std::is_polymorphic_v<T>) {
    return kNone;
  } else if constexpr (std::is_aggregate_v<T>) {
    return kAggregate;
  } else if constexpr (std::is_empty_v<T> && std::is_default_constructible_v<T> &&
                       std::is_trivially_copyable_v<T>) {
    return kEmpty;
  } else {
    return kNone;
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_CATEGORY_H_
