// mp/dummy/value.h
//
// Value and RawValue: mp::Value and mp::RawValue between the threads of one process. Python:
// multiprocessing.dummy.Value.
//
//   mp::dummy::Value<int> n(7);
//   std::thread t([n] { n.update([](int& v) { ++v; }); });
//
// Handles    Copying makes another handle to the same value; the last one frees it.
// Safety     Value: any method, any thread of this process. RawValue: as mp::RawValue.
// Ordering   Value: as its lock. RawValue: none.
// Blocking   Value: while another has its lock.
// Cost       Value: an acquire, a copy, a release. RawValue: a plain load or store.
// Death      A thread that ends leaves the value as it is.
// Crossing   To other threads, in any way. Not to other processes: mp::Value does that.
// Python     There it has no lock, and takes anything; here it is what mp::Value is.

#ifndef MP_DUMMY_VALUE_H_
#define MP_DUMMY_VALUE_H_

#include <mutex>
#include <ostream>
#include <string>
#include <utility>

#include "mp/dummy/internal/thread_elements.h"
#include "mp/dummy/value_lock.h"
#include "mp/internal/core/element.h"
#include "mp/timeout.h"

namespace mp::dummy {

template <class T>
class RawValue {
  static_assert(internal::require_shareable<T>());

 public:
  using value_type = T;

  // Throws mp::MemoryError.
  explicit RawValue(const T& value = T{}) : elements_(internal::element_type<T>(), 1) {
    set_value(value);
  }

  T value() const { return internal::load(get()); }
  void set_value(const T& value) const { internal::store(get(), value); }

  // The memory itself.
  T* get() const noexcept { return static_cast<T*>(elements_.data()); }
  T& operator*() const noexcept { return *get(); }
  T* operator->() const noexcept { return get(); }

  friend bool operator==(const RawValue& a, const RawValue& b) noexcept {
    return a.elements_ == b.elements_;
  }
  // "c_int(7)"
  friend std::string repr(const RawValue& v) {
    return internal::value_text(internal::element_type<T>(), v.get());
  }
  friend std::ostream& operator<<(std::ostream& out, const RawValue& v) { return out << repr(v); }

 private:
  internal::ThreadElements elements_;
};

template <class T>
class Value {
  static_assert(internal::require_shareable<T>());

 public:
  using value_type = T;

  // Under a new RLock, or under a lock that others may use as well. Throws mp::MemoryError.
  explicit Value(const T& value = T{}) : raw_(value) {}
  Value(const T& value, const ValueLock& lock) : raw_(value), lock_(lock) {}

  T value() const {
    internal::Turn turn(lock_);
    return raw_.value();
  }
  void set_value(const T& value) const {
    internal::Turn turn(lock_);
    raw_.set_value(value);
  }

  // Calls change(T&) with the value itself, under the lock; returns what it returns. If it throws,
  // what it has written stays.
  template <class F>
  auto update(F&& change) const {
    std::scoped_lock hold(lock_);
    return std::forward<F>(change)(*raw_);
  }

  // The lock, and the value without it.
  const ValueLock& get_lock() const noexcept { return lock_; }
  const RawValue<T>& get_obj() const noexcept { return raw_; }

  // The lock's: std::scoped_lock is Python's with.
  bool acquire(Timeout timeout = kForever) const { return lock_.acquire(timeout); }
  void release() const { lock_.release(); }
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  void unlock() const { release(); }

  friend bool operator==(const Value& a, const Value& b) noexcept { return a.raw_ == b.raw_; }
  // "<Synchronized wrapper for c_int(7)>"; does not take the lock.
  friend std::string repr(const Value& v) {
    return internal::locked_value_text(internal::element_type<T>(), v.raw_.get());
  }
  friend std::ostream& operator<<(std::ostream& out, const Value& v) { return out << repr(v); }

 private:
  template <class U>
  friend Value<U> synchronized(const RawValue<U>& raw, const ValueLock& lock);
  Value(RawValue<T> raw, ValueLock lock) : raw_(std::move(raw)), lock_(std::move(lock)) {}

  RawValue<T> raw_;
  ValueLock lock_;
};

// By typecode.
template <char kCode>
using ValueOf = Value<internal::TypeOfCode<kCode>>;
template <char kCode>
using RawValueOf = RawValue<internal::TypeOfCode<kCode>>;

}  // namespace mp::dummy

#endif  // MP_DUMMY_VALUE_H_
