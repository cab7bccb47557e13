// mp/internal/core/array_inl.h
//
// The bodies and the Codec of mp::Array.

#ifndef MP_INTERNAL_CORE_ARRAY_INL_H_
#define MP_INTERNAL_CORE_ARRAY_INL_H_

#include "mp/array.h"
#include "mp/internal/core/handle.h"

namespace mp {

template <class T, class Memory>
T Array<T, Memory>::get(int64_t i) const {
  internal::Turn turn(lock_);
  return internal::load(&raw_.at(i));
}

template <class T, class Memory>
void Array<T, Memory>::set(int64_t i, const T& v) const {
  internal::Turn turn(lock_);
  internal::store(&raw_.at(i), v);
}

template <class T, class Memory>
std::vector<T> Array<T, Memory>::slice(Bound start, Bound stop, int64_t step) const {
  internal::Turn turn(lock_);
  return raw_.slice(start, stop, step);
}

template <class T, class Memory>
template <class Range>
void Array<T, Memory>::set_slice(Bound start, Bound stop, const Range& values, int64_t step) const {
  const auto now = internal::read_now<T>(values);
  internal::Turn turn(lock_);
  raw_.set_slice(start, stop, now, step);
}

template <class T, class Memory>
std::basic_string<T> Array<T, Memory>::value() const requires internal::Character<T> {
  internal::Turn turn(lock_);
  return raw_.value();
}

template <class T, class Memory>
void Array<T, Memory>::set_value(
    std::basic_string_view<T> text) const requires internal::Character<T> {
  internal::Turn turn(lock_);
  raw_.set_value(text);
}

template <class T, class Memory>
std::basic_string<T> Array<T, Memory>::raw() const requires internal::Character<T> {
  internal::Turn turn(lock_);
  return raw_.raw();
}

template <class T, class Memory>
void Array<T, Memory>::set_raw(
    std::basic_string_view<T> text) const requires internal::Character<T> {
  internal::Turn turn(lock_);
  raw_.set_raw(text);
}

template <class T>
struct Codec<Array<T>> {
  static Encoder::Ref encode(Encoder& e, const Array<T>& a) {
    const Encoder::Ref parts[] = {e.value(a.raw_), e.value(a.lock_)};
    return internal::encode_handle(e, "mp::Array", parts);
  }
  static Array<T> decode(const Reader& r) {
    Reader parts = internal::decode_handle("mp::Array", 2, r);
    return Array<T>(parts[0].as<RawArray<T>>(), parts[1].as<ValueLock>());
  }
};

}  // namespace mp

#endif  // MP_INTERNAL_CORE_ARRAY_INL_H_
