// mp/raw_array.h
//
// RawArray: numbers or structs side by side that processes share, without a lock. Python:
// multiprocessing.RawArray, and multiprocessing.Array(..., lock=False).
//
//   mp::RawArray<double> r(1000);             // zeros
//   for (double& x : r) x = 1;
//   std::span<double> s = r;
//   mp::RawArray<char> text("hello");
//
// Handles    Copying makes another handle to the same elements. A pointer or span is valid as long
//            as this process has a handle.
// Safety     The elements are memory, and the caller's to guard; a number is never seen
//            half-written, a struct may be.
// Ordering   None: use a lock, or atomics in the elements' place (std::atomic_ref).
// Blocking   None.
// Cost       A plain load or store. Shared: 64 bytes and the elements.
// Death      What was written stays.
// Crossing   Any way, as a RawArray of the same type. A struct is the same if its name, its size and
//            its alignment are.
// Python     r[i] is not checked, r.at(i) is and counts from the end if negative.

#ifndef MP_RAW_ARRAY_H_
#define MP_RAW_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mp/internal/core/elements.h"
#include "mp/value.h"

namespace mp {

template <class T, class Memory = internal::Elements>
class RawArray {
  static_assert(internal::require_shareable<T>());

 public:
  using value_type = T;

  // `length` elements, all 0. Throws mp::ValueError "Array length must be >= 0, not -1", mp::MemoryError,
  // mp::OSError.
  explicit RawArray(int64_t length);
  // The values of a range. Of characters also a text, without a NUL behind it.
  RawArray(std::initializer_list<T> values) : RawArray(values.begin(), values.end()) {}
  template <internal::InitializerOf<T> Range>
  explicit RawArray(const Range& values) : RawArray(std::begin(values), std::end(values)) {}
  explicit RawArray(std::basic_string_view<T> text) requires internal::Character<T>
      : RawArray(text.begin(), text.end()) {}

  size_t size() const noexcept { return elements_.count(); }
  T* data() const noexcept { return static_cast<T*>(elements_.data()); }
  T* begin() const noexcept { return data(); }
  T* end() const noexcept { return data() + size(); }
  operator std::span<T>() const noexcept { return {data(), size()}; }

  // Unchecked, as a span's.
  T& operator[](size_t i) const noexcept { return data()[i]; }
  // Negative from the end. Throws mp::IndexError "invalid index".
  T& at(int64_t i) const { return data()[internal::checked_index<T>(i, size())]; }

  // Python's a[start:stop:step]; {} is what Python leaves out. set_slice throws mp::ValueError "Can
  // only assign sequence of same size".
  std::vector<T> slice(Bound start = {}, Bound stop = {}, int64_t step = 1) const {
    return internal::read_places(data(), internal::places(start, stop, step, size()));
  }
  template <class Range>
  void set_slice(Bound start, Bound stop, const Range& values, int64_t step = 1) const {
    internal::write_places(data(), internal::places(start, stop, step, size()),
                           internal::read_now<T>(values), size());
  }

  // Of characters: the text up to the first NUL; all of them. Setting throws mp::ValueError "byte
  // string too long".
  std::basic_string<T> value() const requires internal::Character<T> {
    return internal::read_text(data(), size());
  }
  void set_value(std::basic_string_view<T> text) const requires internal::Character<T> {
    internal::write_text(data(), size(), text, true);
  }
  std::basic_string<T> raw() const requires internal::Character<T> { return {data(), size()}; }
  void set_raw(std::basic_string_view<T> text) const requires internal::Character<T> {
    internal::write_text(data(), size(), text, false);
  }

  friend bool operator==(const RawArray& a, const RawArray& b) noexcept {
    return a.elements_ == b.elements_;
  }

 private:
  friend Codec<RawArray>;
  template <class It>
  RawArray(It begin, It end);
  explicit RawArray(Memory elements) : elements_(std::move(elements)) {}

  Memory elements_;
};

// "<multiprocessing.sharedctypes.c_int_Array_10 object at 0x7f...>"
template <Shareable T, class Memory>
std::string repr(const RawArray<T, Memory>& a) {
  return internal::array_text(internal::element_type<T>(), a.size(), a.data());
}
template <Shareable T, class Memory>
std::ostream& operator<<(std::ostream& out, const RawArray<T, Memory>& a) {
  return out << repr(a);
}

template <char kCode>
using RawArrayOf = RawArray<internal::TypeOfCode<kCode>>;

}  // namespace mp

#include "mp/internal/core/raw_array_inl.h"

#endif  // MP_RAW_ARRAY_H_
