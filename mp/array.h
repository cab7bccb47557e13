// mp/array.h
//
// Array: numbers or structs side by side that processes share, with their lock. Python:
// multiprocessing.Array.
//
//   mp::Array<int> a(10);                     // ten zeros; or mp::ArrayOf<'i'>
//   mp::Array<int> b({1, 2, 3}, lock);        // any range; under a Lock or RLock of one's own
//   a[-1] = 7;                                // each access is a turn of the lock
//   a[0] += 1;                                // and so is this
//   std::vector<int> some = a.slice(2, 5);    // a[2:5], in one turn
//
// Handles    Copying makes another handle to the same elements and lock.
// Safety     Any method, any thread, any process.
// Ordering   As its lock.
// Blocking   While another has its lock. Over a Lock, not an RLock, also while one's own thread has
//            it: use get_obj() then.
// Cost       An acquire and a release per call; a slice is one call. Shared: 64 bytes, the elements,
//            and the lock's 64.
// Death      Killed inside a call: each element has the old or the new value if it is of 1, 2, 4 or
//            8 bytes; others, and what update() wrote, are as they were left. owner_died() is true
//            in the next update(), and for the next who takes the lock; the other methods do not use
//            that news up.
// Crossing   Any way, as an Array of the same type.
// Python     a[i] += x is one turn of the lock here; iteration gives copies, also of structs. T is
//            plain data, known when compiled; with a typecode that is known at run time only:
//            mp/sharedctypes.h.

#ifndef MP_ARRAY_H_
#define MP_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mp/internal/core/element_reference.h"
#include "mp/raw_array.h"
#include "mp/value_lock.h"

namespace mp {

template <class T, class Memory = internal::Elements>
class Array {
  static_assert(internal::require_shareable<T>());
  using Lock = typename Memory::Lock;  // a ValueLock

 public:
  using value_type = T;
  using reference = internal::ElementReference<Array>;
  using iterator = internal::ElementIterator<Array>;

  // As a RawArray is made, under a new RLock, or under a lock that others may use as well.
  explicit Array(int64_t length) : raw_(length) {}
  Array(int64_t length, const Lock& lock) : raw_(length), lock_(lock) {}
  Array(std::initializer_list<T> values) : raw_(values) {}
  Array(std::initializer_list<T> values, const Lock& lock) : raw_(values), lock_(lock) {}
  template <internal::InitializerOf<T> Range>
  explicit Array(const Range& values) : raw_(values) {}
  template <internal::InitializerOf<T> Range>
  Array(const Range& values, const Lock& lock) : raw_(values), lock_(lock) {}
  explicit Array(std::basic_string_view<T> text) requires internal::Character<T> : raw_(text) {}
  Array(std::basic_string_view<T> text, const Lock& lock) requires internal::Character<T>
      : raw_(text), lock_(lock) {}

  size_t size() const noexcept { return raw_.size(); }

  // a[i] reads, a[i] = v writes, a[i] += v changes the element, each in one turn of the lock;
  // negative from the end. Throws mp::IndexError "invalid index", here and not when it is used.
  reference operator[](int64_t i) const {
    return reference(*this, static_cast<int64_t>(internal::checked_index<T>(i, size())));
  }
  T get(int64_t i) const;
  void set(int64_t i, const T& v) const;

  // Calls change(T&) with element i, or change(std::span<T>) with all, under the lock; returns what
  // it returns.
  template <class F>
  auto update(int64_t i, F&& change) const {
    std::scoped_lock hold(lock_);
    return std::forward<F>(change)(raw_.at(i));
  }
  template <class F>
  auto update(F&& change) const {
    std::scoped_lock hold(lock_);
    return std::forward<F>(change)(std::span<T>(raw_));
  }

  // As RawArray's.
  std::vector<T> slice(Bound start = {}, Bound stop = {}, int64_t step = 1) const;
  template <class Range>
  void set_slice(Bound start, Bound stop, const Range& values, int64_t step = 1) const;
  std::basic_string<T> value() const requires internal::Character<T>;
  void set_value(std::basic_string_view<T> text) const requires internal::Character<T>;
  std::basic_string<T> raw() const requires internal::Character<T>;
  void set_raw(std::basic_string_view<T> text) const requires internal::Character<T>;

  // Copies of the elements, each read in a turn of its own.
  iterator begin() const { return iterator(this, 0); }
  iterator end() const { return iterator(this, static_cast<int64_t>(size())); }

  // The lock, and the elements without it.
  const Lock& get_lock() const noexcept { return lock_; }
  const RawArray<T, Memory>& get_obj() const noexcept { return raw_; }

  // The lock's: std::scoped_lock is Python's with.
  bool acquire(Timeout timeout = kForever) const { return lock_.acquire(timeout); }
  void release() const { lock_.release(); }
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  void unlock() const { release(); }

  friend bool operator==(const Array& a, const Array& b) noexcept { return a.raw_ == b.raw_; }

 private:
  friend Codec<Array>;
  template <class U, class M>
  friend Array<U, M> synchronized(const RawArray<U, M>& raw, const typename M::Lock& lock);
  Array(RawArray<T, Memory> raw, Lock lock) : raw_(std::move(raw)), lock_(std::move(lock)) {}

  RawArray<T, Memory> raw_;
  Lock lock_;
};

// "<SynchronizedArray wrapper for <multiprocessing.sharedctypes.c_int_Array_10 object at 0x7f...>>"
template <Shareable T, class Memory>
std::string repr(const Array<T, Memory>& a) {
  return internal::locked_array_text(internal::element_type<T>(), a.size(), a.get_obj().data());
}
template <Shareable T, class Memory>
std::ostream& operator<<(std::ostream& out, const Array<T, Memory>& a) {
  return out << repr(a);
}

template <char kCode>
using ArrayOf = Array<internal::TypeOfCode<kCode>>;

}  // namespace mp

#include "mp/internal/core/array_inl.h"

#endif  // MP_ARRAY_H_
