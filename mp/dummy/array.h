// mp/dummy/array.h
//
// Array: mp::Array between the threads of one process. Python: multiprocessing.dummy.Array.
//
//   mp::dummy::Array<int> a(10);
//   std::thread t([a] { a[0] += 1; });
//
// Handles    Copying makes another handle to the same elements and lock; the last one frees them.
// Safety     Any method, any thread of this process.
// Ordering   As its lock.
// Blocking   While another has its lock.
// Cost       An acquire and a release per call; a slice is one call.
// Death      A thread that ends leaves the elements as they are.
// Crossing   To other threads, in any way. Not to other processes: mp::Array does that.
// Python     There it is an array.array, without a lock; here it is what mp::Array is.

#ifndef MP_DUMMY_ARRAY_H_
#define MP_DUMMY_ARRAY_H_

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

#include "mp/dummy/raw_array.h"
#include "mp/dummy/value_lock.h"
#include "mp/internal/core/element_reference.h"
#include "mp/timeout.h"

namespace mp::dummy {

template <class T>
class Array {
  static_assert(internal::require_shareable<T>());

 public:
  using value_type = T;
  using reference = internal::ElementReference<Array>;
  using iterator = internal::ElementIterator<Array>;

  // As a RawArray is made, under a new RLock, or under a lock that others may use as well.
  explicit Array(int64_t length) : raw_(length) {}
  Array(int64_t length, const ValueLock& lock) : raw_(length), lock_(lock) {}
  Array(std::initializer_list<T> values) : raw_(values) {}
  Array(std::initializer_list<T> values, const ValueLock& lock) : raw_(values), lock_(lock) {}
  template <internal::InitializerOf<T> Range>
  explicit Array(const Range& values) : raw_(values) {}
  template <internal::InitializerOf<T> Range>
  Array(const Range& values, const ValueLock& lock) : raw_(values), lock_(lock) {}
  explicit Array(std::basic_string_view<T> text) requires internal::Character<T> : raw_(text) {}
  Array(std::basic_string_view<T> text, const ValueLock& lock) requires internal::Character<T>
      : raw_(text), lock_(lock) {}

  size_t size() const noexcept { return raw_.size(); }

  // a[i] reads, a[i] = v writes, a[i] += v changes the element, each in one turn of the lock;
  // negative from the end. Using it throws mp::IndexError "invalid index".
  reference operator[](int64_t i) const { return reference(*this, i); }
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
  const ValueLock& get_lock() const noexcept { return lock_; }
  const RawArray<T>& get_obj() const noexcept { return raw_; }

  // The lock's: std::scoped_lock is Python's with.
  bool acquire(Timeout timeout = kForever) const { return lock_.acquire(timeout); }
  void release() const { lock_.release(); }
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  void unlock() const { release(); }

  friend bool operator==(const Array& a, const Array& b) noexcept { return a.raw_ == b.raw_; }
  // "<SynchronizedArray wrapper for <multiprocessing.sharedctypes.c_int_Array_10 object at
  // 0x7f...>>"
  friend std::string repr(const Array& a) {
    return internal::locked_array_text(internal::element_type<T>(), a.size(), a.raw_.data());
  }
  friend std::ostream& operator<<(std::ostream& out, const Array& a) { return out << repr(a); }

 private:
  template <class U>
  friend Array<U> synchronized(const RawArray<U>& raw, const ValueLock& lock);
  Array(RawArray<T> raw, ValueLock lock) : raw_(std::move(raw)), lock_(std::move(lock)) {}

  RawArray<T> raw_;
  ValueLock lock_;
};

template <char kCode>
using ArrayOf = Array<internal::TypeOfCode<kCode>>;

template <class T>
T Array<T>::get(int64_t i) const {
  internal::Turn turn(lock_);
  return internal::load(&raw_.at(i));
}

template <class T>
void Array<T>::set(int64_t i, const T& v) const {
  internal::Turn turn(lock_);
  internal::store(&raw_.at(i), v);
}

template <class T>
std::vector<T> Array<T>::slice(Bound start, Bound stop, int64_t step) const {
  internal::Turn turn(lock_);
  return raw_.slice(start, stop, step);
}

template <class T>
template <class Range>
void Array<T>::set_slice(Bound start, Bound stop, const Range& values, int64_t step) const {
  const auto now = internal::read_now<T>(values);
  internal::Turn turn(lock_);
  raw_.set_slice(start, stop, now, step);
}

template <class T>
std::basic_string<T> Array<T>::value() const requires internal::Character<T> {
  internal::Turn turn(lock_);
  return raw_.value();
}

template <class T>
void Array<T>::set_value(std::basic_string_view<T> text) const requires internal::Character<T> {
  internal::Turn turn(lock_);
  raw_.set_value(text);
}

template <class T>
std::basic_string<T> Array<T>::raw() const requires internal::Character<T> {
  internal::Turn turn(lock_);
  return raw_.raw();
}

template <class T>
void Array<T>::set_raw(std::basic_string_view<T> text) const requires internal::Character<T> {
  internal::Turn turn(lock_);
  raw_.set_raw(text);
}

}  // namespace mp::dummy

// As RawArray.
template <class T>
struct mp::Codec<mp::dummy::Array<T>> {
  using CannotCross = void;
};

#endif  // MP_DUMMY_ARRAY_H_
