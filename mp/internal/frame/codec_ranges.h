// mp/internal/frame/codec_ranges.h
//
// Codecs of containers: anything with begin() and end().

#ifndef MP_INTERNAL_FRAME_CODEC_RANGES_H_
#define MP_INTERNAL_FRAME_CODEC_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/frame/codec_base.h"
#include "mp/internal/frame/codec_values.h"

namespace mp::internal {

// A trivially copyable range does not own what it shows, unless its size is part of its type (std::array).
template <class T>
concept FixedSize = requires {
  std::tuple_size<T>::value;
};
template <class T>
concept OwningRange = FixedSize<T> || !std::is_trivially_copyable_v<T>;

// project(element) of every element of a range, as the values of one list. V: their type.
template <class V, class Range, class Project>
Encoder::Ref encode_all(Encoder& e, const Range& range, Project project) {
  if constexpr (std::is_same_v<V, bool>) {
    // std::vector<bool> has no bool to point to.
    std::vector<uint8_t> flat;
    for (const auto& v : range) {
      flat.push_back(static_cast<bool>(project(v)));
    }
    return e.scalars(
        std::span<const bool>(reinterpret_cast<const bool*>(flat.data()), flat.size()));
  } else if constexpr (PlainScalar<V>) {
    std::vector<V> flat;
    for (const auto& v : range) {
      flat.push_back(project(v));
    }
    return e.scalars(std::span<const V>(flat));
  } else if constexpr (category<V>() == Category::kText || category<V>() == Category::kTextView) {
    Encoder::Texts texts(e);
    for (const auto& v : range) {
      texts.add(view_of(project(v)));
    }
    return texts.finish();
  } else {
    Encoder::Level level(e);
    Encoder::Items items(e);
    for (const auto& v : range) {
      items.add(e.value<V>(project(v)));
    }
    return e.list(items);
  }
}

template <class T>
void reserve_if_possible(T& t, size_t n) {
  if constexpr (requires { t.reserve(n); }) {
    t.reserve(n);
  }
}

// A container from `n` values that make(i) gives, one after the other.
template <class T, class Make>
T build(size_t n, Make make) {
  using V = range_value<T>;
  if constexpr (requires(T & t) { t.push_back(make(0)); }) {
    T out;
    reserve_if_possible(out, n);
    for (size_t i = 0; i < n; ++i) {
      out.push_back(make(i));
    }
    return out;
  } else {
    // Without push_back(): std::forward_list, absl::FixedArray.
    std::vector<V> all;
    all.reserve(n);
    for (size_t i = 0; i < n; ++i) {
      all.push_back(make(i));
    }
    return T(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
  }
}

template <class T>
struct BuiltIn<T, Category::kSequence> {
  using V = range_value<T>;
  using Parts = Types<V>;
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    return encode_all<V>(
        e, v, [](const auto& item) -> const auto& { return item; });
  }
  static T decode(const Reader& r) requires OwningRange<T> {
    auto item = [&](size_t i) { return Codec<V>::decode(r[i]); };
    if constexpr (FixedSize<T>) {
      r.expect_items(std::tuple_size_v<T>, type_name<T>());
      return [&]<size_t... i>(std::index_sequence<i...>) { return T{{item(i)...}}; }
      (std::make_index_sequence<std::tuple_size_v<T>>());
    } else {
      return build<T>(r.size(type_name<T>()), item);
    }
  }
};

template <class T>
struct BuiltIn<T, Category::kSet> {
  using V = typename T::key_type;
  using Parts = Types<V>;
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    Encoder::Level level(e);
    return e.set(encode_all<V>(
        e, v, [](const auto& item) -> const auto& { return item; }));
  }
  static T decode(const Reader& r) {
    Reader items = r.items(type_name<T>());
    T out;
    size_t n = items.size();
    reserve_if_possible(out, n);
    for (size_t i = 0; i < n; ++i) {
      out.insert(Codec<V>::decode(items[i]));
    }
    return out;
  }
};

template <class T>
struct BuiltIn<T, Category::kMap> {
  using K = typename T::key_type;
  using V = typename T::mapped_type;
  using Parts = Types<K, V>;
  static constexpr bool kNeverNone = true;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    Encoder::Level level(e);
    Encoder::Ref keys =
        encode_all<K>(e, v, [](const auto& item) -> const K& { return item.first; });
    return e.dict(keys,
                  encode_all<V>(e, v, [](const auto& item) -> const V& { return item.second; }));
  }
  static T decode(const Reader& r) {
    Reader keys = r.keys(type_name<T>());
    Reader values = r.values(type_name<T>());
    T out;
    size_t n = keys.size();
    reserve_if_possible(out, n);
    for (size_t i = 0; i < n; ++i) {
      K key = Codec<K>::decode(keys[i]);
      if constexpr (std::is_move_assignable_v<V> &&
                    requires(V v) { out.insert_or_assign(std::move(key), std::move(v)); }) {
        out.insert_or_assign(std::move(key), Codec<V>::decode(values[i]));
      } else {
        out.emplace(std::move(key), Codec<V>::decode(values[i]));
      }
    }
    return out;
  }
};

// Numbers that stand side by side.
template <class T>
struct ScalarsCodec {
  using V = range_value<T>;
  static constexpr bool kNeverNone = true;
  static constexpr Fast kFast = Fast::kScalars;
  static Encoder::Ref encode(Encoder& e, const T& v) {
    return e.scalars(std::span<const V>(v.data(), v.size()));
  }
  static T decode(const Reader& r) requires OwningRange<T> {
    const V* numbers = nullptr;
    // A bool's byte may be anything in a foreign message.
    if constexpr (!std::is_same_v<V, bool>) {
      numbers = r.template scalars<V>();
    }
    if constexpr (FixedSize<T>) {
      r.expect_items(std::tuple_size_v<T>, type_name<T>());
      T out{};
      for (size_t i = 0; i < std::tuple_size_v<T>; ++i) {
        out[i] = numbers != nullptr ? numbers[i] : Codec<V>::decode(r[i]);
      }
      return out;
    } else {
      size_t n = r.size(type_name<T>());
      if (numbers != nullptr) {
        return T(numbers, numbers + n);
      }
      return build<T>(n, [&](size_t i) { return Codec<V>::decode(r[i]); });
    }
  }
};

template <class T>
struct BuiltIn<T, Category::kScalars>
    : std::conditional_t<PlainScalar<range_value<T>>, ScalarsCodec<T>,
                         BuiltIn<T, Category::kSequence>> {};

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_CODEC_RANGES_H_
