// mp/internal/core/raw_array_inl.h
//
// The bodies and the Codec of mp::RawArray.

#ifndef MP_INTERNAL_CORE_RAW_ARRAY_INL_H_
#define MP_INTERNAL_CORE_RAW_ARRAY_INL_H_

#include <algorithm>
#include <type_traits>

#include "mp/raw_array.h"

namespace mp {

template <class T, class Memory>
RawArray<T, Memory>::RawArray(int64_t length)
    : elements_(internal::Kind::kArray, internal::element_type<T>(),
                internal::checked_length(length), Memory::Fill::kZero) {
  if constexpr (!std::is_trivially_default_constructible_v<T> &&
                std::is_default_constructible_v<T>) {
    std::fill(begin(), end(), T());
  }
}

template <class T, class Memory>
template <class It>
RawArray<T, Memory>::RawArray(It first, It last)
    : elements_(internal::Kind::kArray, internal::element_type<T>(),
                static_cast<uint64_t>(std::distance(first, last)), Memory::Fill::kByCaller) {
  T* to = data();
  for (; first != last; ++first) {
    *to++ = static_cast<T>(*first);
  }
}

template <class T>
struct Codec<RawArray<T>> {
  static Encoder::Ref encode(Encoder& e, const RawArray<T>& a) { return a.elements_.encode(e); }
  static RawArray<T> decode(const Reader& r) {
    constexpr internal::ElementType kType = internal::element_type<T>();
    return RawArray<T>(internal::Elements::decode(internal::Kind::kArray, &kType, r));
  }
};

}  // namespace mp

#endif  // MP_INTERNAL_CORE_RAW_ARRAY_INL_H_
