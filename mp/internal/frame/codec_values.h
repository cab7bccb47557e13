// mp/internal/frame/codec_values.h
//
// Codecs of single values and of types with a fixed number of parts.

#ifndef MP_INTERNAL_FRAME_CODEC_VALUES_H_
#define MP_INTERNAL_FRAME_CODEC_VALUES_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mp/internal/frame/codec_base.h"

namespace mp::internal {

// How a codec's messages can be written without an Encoder: see fast.h.
enum class Fast { kScalar, kText, kScalars };

// A scalar that travels as itself. An enumeration may have a codec of its own.
template <class T>
concept PlainScalar = Scalar<T> && std::is_base_of_v < BuiltIn < T,
        category<T>()
>, Codec < T >> ;

// Never none(): an optional of it needs no wrapping.
template <class T>
concept NeverNone = requires {
  requires Codec<T>::kNeverNone;
};

template <class T>
struct BuiltIn<T, Category::kBool> {
  static constexpr bool kNeverNone = true;
  static constexpr Fast kFast = Fast::kScalar;
  static Encoder::Ref encode(Encoder& e, bool v) { return e.boolean(v); }
  static bool decode(const Reader& r) { return r.boolean(); }
};

template <class T>
struct BuiltIn<T, Category::kInteger> {
  static constexpr bool kNeverNone = true;
  static constexpr Fast kFast = Fast::kScalar;
  static Encoder::Ref encode(Encoder& e, T v) {
    if constexpr (std::is_signed_v<T>) {
      return e.integer(v);
    } else {
      return e.uinteger(v);
    }
  }
  static T decode(const Reader& r) { return r.integer<T>(); }
};

template <class T>
struct BuiltIn<T, Category::kFloat> {
  static constexpr bool kNeverNone = true;
  static constexpr Fast kFast = Fast::kScalar;
  static Encoder::Ref encode(Encoder& e, T v) { return e.real(static_cast<double>(v)); }
  static T decode(const Reader& r) { return static_cast<T>(r.real(type_name<T>())); }
};

template <class T>
struct BuiltIn<T, Category::kEnum> {
  using Number = std::underlying_type_t<T>;
  static constexpr bool kNeverNone = true;
  static constexpr Fast kFast = Fast::kScalar;
  static Encoder::Ref encode(Encoder& e, T v) { return e.value(static_cast<Number>(v)); }
  static T decode(const Reader& r) {
    if constexpr (std::is_same_v<Number, bool>) {
      return static_cast<T>(r.boolean(type_name<T>()));
    } else {
      return static_cast<T>(r.integer<Number>(type_name<T>()));
    }
  }
};

template <class T>
struct BuiltIn<T, Category::kNull> {
  static Encoder::Ref encode(Encoder& e, T) { return e.none(); }
  static T decode(const Reader& r) {
    if (!r.is_none()) {
      r.refuse(type_name<T>());
    }
    return nullptr;
  }
};

template <class T>
struct BuiltIn<T, Category::kText> {
  static constexpr bool kNeverNone = true;
  static constexpr Fast kFast = Fast::kText;
  static Encoder::Ref encode(Encoder& e, const T& v) { return e.text({v.data(), v.size()}); }
  static T decode(const Reader& r) {
    std::string_view text = r.text(type_name<T>());
    return T(text.data(), text.size());
  }
};

// Arrays of char are literals: they end at the first NUL. A null pointer is refused by std::string_view's own rules; here it
// is the empty text.
template <class T>
constexpr std::string_view view_of(const T& v) {
  if constexpr (std::is_class_v<T>) {
    return {v.data(), v.size()};
  } else if constexpr (std::is_pointer_v<T>) {
    return v == nullptr ? std::string_view() : std::string_view(v);
  } else {
    std::string_view all(v, std::extent_v<T>);
    return all.substr(0, all.find('\0'));
  }
}

template <class T>
struct BuiltIn<T, Category::kTextView> {
  static constexpr Fast kFast = Fast::kText;
  static Encoder::Ref encode(Encoder& e, const T& v) { return e.text(view_of(v)); }
};

template <class T>
struct BuiltIn<T, Category::kPath> {
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) { return e.text(v.native()); }
  static T decode(const Reader& r) { return T(std::string(r.text(type_name<T>()))); }
};

template <class T>
struct BuiltIn<T, Category::kEmpty> {
  static Encoder::Ref encode(Encoder& e, const T&) { return e.none(); }
  static T decode(const Reader& r) {
    if (!r.is_none()) {
      r.refuse(type_name<T>());
    }
    return T();
  }
};

template <class T>
struct BuiltIn<T, Category::kOptional> {
  using V = typename T::value_type;
  using Parts = Types<V>;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    if (!v.has_value()) {
      return e.none();
    }
    if constexpr (NeverNone<V>) {
      return e.value<V>(*v);
    } else {
      // The inner value may be none itself.
      Encoder::Level level(e);
      Encoder::Items items(e);
      items.add(e.value<V>(*v));
      return e.tuple(items);
    }
  }
  static T decode(const Reader& r) {
    if (r.is_none()) {
      return T();
    }
    if constexpr (NeverNone<V>) {
      return T(Codec<V>::decode(r));
    } else {
      r.expect_items(1, type_name<T>());
      return T(Codec<V>::decode(r[0]));
    }
  }
};

// Raises the ValueError of a variant that lost its value.
[[noreturn]] void refuse_valueless(std::string_view type);

template <template <class...> class V, class... A>
struct BuiltIn<V<A...>, Category::kVariant> {
  using T = V<A...>;
  using Parts = Types<A...>;
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    Encoder::Level level(e);
    return encode(e, v, std::index_sequence_for<A...>());
  }
  static T decode(const Reader& r) {
    uint32_t index = r.variant_index(type_name<T>());
    using Alternative = T (*)(const Reader&);
    constexpr auto kAlternatives = []<size_t... i>(std::index_sequence<i...>) {
      return std::array<Alternative, sizeof...(A)>{&alternative<i, A>...};
    }
    (std::index_sequence_for<A...>());
    if (index >= sizeof...(A)) {
      r.refuse(type_name<T>());
    }
    return kAlternatives[index](r);
  }

 private:
  template <size_t... i>
  static Encoder::Ref encode(Encoder& e, const T& v, std::index_sequence<i...>) {
    Encoder::Ref ref;
    if (!((v.index() == i && (ref = e.value<A>(*get_if<i>(&v)), true)) || ...)) {
      refuse_valueless(type_name<T>());
    }
    return e.variant(static_cast<uint32_t>(v.index()), ref);
  }
  template <size_t i, class U>
  static T alternative(const Reader& r) {
    if constexpr (requires(U u) { T(std::in_place_index<i>, std::move(u)); }) {
      return T(std::in_place_index<i>, r.variant_value().template as<U>());
    } else {
      T v;
      v.template emplace<i>(r.variant_value().template as<U>());
      return v;
    }
  }
};

// The parts of a struct, pair or tuple. Numbers of one type travel side by side.
template <class... F>
Encoder::Ref encode_parts(Encoder& e, bool is_struct, const F&... parts) {
  if constexpr (sizeof...(F) > 1) {
    using First = std::tuple_element_t<0, std::tuple<F...>>;
    if constexpr ((std::is_same_v<F, First> && ...) && PlainScalar<First>) {
      const First numbers[] = {parts...};
      return e.scalars(std::span<const First>(numbers));
    }
  }
  Encoder::Level level(e);
  Encoder::Ref refs[sizeof...(F) + 1];
  size_t n = 0;
  ((refs[n++] = e.value<F>(parts)), ...);
  std::span<const Encoder::Ref> items(refs, n);
  return is_struct ? e.fields(items) : e.tuple(items);
}

template <class T>
struct BuiltIn<T, Category::kTuple> {
  using Indices = std::make_index_sequence<std::tuple_size_v<T>>;
  template <size_t i>
  using Part = std::remove_cv_t<std::tuple_element_t<i, T>>;
  template <size_t... i>
  static Types<Part<i>...> parts(std::index_sequence<i...>);
  using Parts = decltype(parts(Indices()));

  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    return [&]<size_t... i>(std::index_sequence<i...>) {
      return encode_parts<Part<i>...>(e, false, get<i>(v)...);
    }
    (Indices());
  }
  static T decode(const Reader& r) {
    r.expect_items(std::tuple_size_v<T>, type_name<T>());
    return [&]<size_t... i>(std::index_sequence<i...>) { return T{r[i].template as<Part<i>>()...}; }
    (Indices());
  }
};

template <class T>
struct AggregateCodec {
  struct FieldTypes {
    template <class... F>
    Types<F...> operator()(const F&...) const {
      return {};
    }
  };
  using Parts = decltype(with_fields(std::declval<const T&>(), FieldTypes()));

  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    return with_fields(v, [&](const auto&... fields) { return encode_parts(e, true, fields...); });
  }
  static T decode(const Reader& r) { return decode(r, Parts()); }

 private:
  template <class... F>
  static T decode(const Reader& r, Types<F...>) {
    r.expect_items(sizeof...(F), type_name<T>());
    return [&]<size_t... i>(std::index_sequence<i...>) { return T{r[i].template as<F>()...}; }
    (std::index_sequence_for<F...>());
  }
};

struct NoCodec {
  using CannotCross = void;
};

template <class T>
struct BuiltIn<T, Category::kAggregate>
    : std::conditional_t<aggregate_problem<T>() == AggregateProblem::kNone, AggregateCodec<T>,
                         NoCodec> {};

template <class T>
struct BuiltIn<T, Category::kFieldsOf> {
  using Tie = decltype(std::declval<T&>().fields());
  template <class... F>
  static Types<std::remove_cvref_t<F>...> parts(const std::tuple<F...>&);
  using Parts = decltype(parts(std::declval<Tie>()));
  using Indices = std::make_index_sequence<std::tuple_size_v<Tie>>;

  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    // fields() serves both directions, so it is not const; encoding only reads.
    Tie fields = const_cast<T&>(v).fields();
    return [&]<size_t... i>(std::index_sequence<i...>) {
      return encode_parts(e, true, std::get<i>(fields)...);
    }
    (Indices());
  }
  static T decode(const Reader& r) requires std::is_default_constructible_v<T> {
    T v{};
    decode_into(v, r);
    return v;
  }
  // Also for a T that is made in another way.
  static void decode_into(T& v, const Reader& r) {
    Tie fields = v.fields();
    r.expect_items(std::tuple_size_v<Tie>, type_name<T>());
    [&]<size_t... i>(std::index_sequence<i...>) {
      ((std::get<i>(fields) =
            r[i].template as<std::remove_cvref_t<std::tuple_element_t<i, Tie>>>()),
       ...);
    }
    (Indices());
  }
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_CODEC_VALUES_H_
