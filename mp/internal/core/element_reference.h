// mp/internal/core/element_reference.h
//
// ElementReference: what a[i] of an Array is: reads and writes the element under the array's lock,
// each time it is used. `a[i] += x` and its like are one turn of the lock, and have the new value.

#ifndef MP_INTERNAL_CORE_ELEMENT_REFERENCE_H_
#define MP_INTERNAL_CORE_ELEMENT_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace mp::internal {

// A: an Array. As long as the expression it is in: it does not keep the array alive.
template <class A>
class ElementReference {
  using T = typename A::value_type;

 public:
  ElementReference(const A& array, int64_t i) : array_(array), i_(i) {}
  ElementReference(const ElementReference&) = default;

  operator T() const { return array_.get(i_); }
  const ElementReference& operator=(const T& v) const {
    array_.set(i_, v);
    return *this;
  }
  // From another element, as between numbers.
  const ElementReference& operator=(const ElementReference& other) const {
    return *this = static_cast<T>(other);
  }
  ElementReference& operator=(const ElementReference& other) {
    static_cast<const ElementReference&>(*this) = other;
    return *this;
  }

  template <class U>
  T operator+=(const U& x) const {
    return change([&](T& v) { v += x; });
  }
  template <class U>
  T operator-=(const U& x) const {
    return change([&](T& v) { v -= x; });
  }
  template <class U>
  T operator*=(const U& x) const {
    return change([&](T& v) { v *= x; });
  }
  template <class U>
  T operator/=(const U& x) const {
    return change([&](T& v) { v /= x; });
  }
  template <class U>
  T operator%=(const U& x) const {
    return change([&](T& v) { v %= x; });
  }
  template <class U>
  T operator&=(const U& x) const {
    return change([&](T& v) { v &= x; });
  }
  template <class U>
  T operator|=(const U& x) const {
    return change([&](T& v) { v |= x; });
  }
  template <class U>
  T operator^=(const U& x) const {
    return change([&](T& v) { v ^= x; });
  }
  T operator++() const {
    return change([](T& v) { ++v; });
  }
  T operator--() const {
    return change([](T& v) { --v; });
  }
  T operator++(int) const {
    return array_.update(i_, [](T& v) { return v++; });
  }
  T operator--(int) const {
    return array_.update(i_, [](T& v) { return v--; });
  }

 private:
  // The element as it is afterwards.
  template <class F>
  T change(const F& f) const {
    return array_.update(i_, [&](T& v) {
      f(v);
      return v;
    });
  }

  const A& array_;
  const int64_t i_;
};

// Iterates over the elements of an Array as they are when they are looked at. As long as the handle
// it comes from.
template <class A>
class ElementIterator {
 public:
  using value_type = typename A::value_type;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using pointer = const value_type*;
  using reference = value_type;

  ElementIterator(const A* array, int64_t i) : array_(array), i_(i) {}
  value_type operator*() const { return array_->get(i_); }
  ElementIterator& operator++() {
    ++i_;
    return *this;
  }
  ElementIterator operator++(int) { return {array_, i_++}; }
  friend bool operator==(const ElementIterator& a, const ElementIterator& b) {
    return a.i_ == b.i_;
  }

 private:
  const A* array_;
  int64_t i_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_ELEMENT_REFERENCE_H_
