// mp/dummy/raw_array.h
//
// RawArray: mp::RawArray between the threads of one process.
//
//   mp::dummy::RawArray<double> r(1000);      // zeros
//   for (double& x : r) x = 1;
//
// Handles    Copying makes another handle to the same elements; the last one frees them.
// Safety     The elements are memory, and the caller's to guard.
// Ordering   None.
// Blocking   None.
// Cost       A plain load or store.
// Death      A thread that ends leaves the elements as they are.
// Crossing   To other threads, in any way. Not to other processes: mp::RawArray does that.
// Python     multiprocessing.dummy has none.

#ifndef MP_DUMMY_RAW_ARRAY_H_
#define MP_DUMMY_RAW_ARRAY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/dummy/internal/thread_elements.h"
#include "mp/internal/core/element.h"

namespace mp {
template <class T>
struct Codec;
}

namespace mp::dummy {

template <class T>
class RawArray {
  static_assert(internal::require_shareable<T>());

 public:
  using value_type = T;

  // `length` elements, all 0. Throws mp::ValueError "Array length must be >= 0, not -1", mp::MemoryError.
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
    internal::write_places(data(), internal::places(start, stop, step, size()), values, size());
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
  // "<multiprocessing.sharedctypes.c_int_Array_10 object at 0x7f...>"
  friend std::string repr(const RawArray& a) {
    return internal::array_text(internal::element_type<T>(), a.size(), a.data());
  }
  friend std::ostream& operator<<(std::ostream& out, const RawArray& a) { return out << repr(a); }

 private:
  template <class It>
  RawArray(It begin, It end);

  internal::ThreadElements elements_;
};

template <char kCode>
using RawArrayOf = RawArray<internal::TypeOfCode<kCode>>;

template <class T>
RawArray<T>::RawArray(int64_t length)
    : elements_(internal::element_type<T>(), internal::checked_length(length)) {
  if constexpr (!std::is_trivially_default_constructible_v<T> &&
                std::is_default_constructible_v<T>) {
    std::fill(begin(), end(), T());
  }
}

template <class T>
template <class It>
RawArray<T>::RawArray(It first, It last)
    : elements_(internal::element_type<T>(), static_cast<uint64_t>(std::distance(first, last))) {
  T* to = data();
  for (; first != last; ++first) {
    *to++ = static_cast<T>(*first);
  }
}

}  // namespace mp::dummy

// It has begin() and end(), but is no sequence to be sent to another process.
template <class T>
struct mp::Codec<mp::dummy::RawArray<T>> {
  using CannotCross = void;
};

#endif  // MP_DUMMY_RAW_ARRAY_H_
