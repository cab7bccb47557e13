// mp/value.h
//
// Value: one number or struct that processes share, with its lock. Python: multiprocessing.Value.
// RawValue: the same without a lock. Python: multiprocessing.RawValue.
//
//   mp::Value<int> n(7);                      // or mp::ValueOf<'i'>
//   n.set_value(n.value() + 1);               // two turns of the lock: others may come between
//   n.update([](int& v) { ++v; });            // one
//   struct Point { double x, y; };
//   mp::Value<Point> p(Point{1, 2}, lock);    // under a Lock or RLock of one's own
//   mp::RawValue<double> x(1.0 / 3);          // lock=False
//
// Handles    Copying makes another handle to the same value.
// Safety     Value: any method, any thread, any process. RawValue: value() and set_value() of 1, 2,
//            4 or 8 bytes are whole at any time; larger ones, and what * and -> reach, are the
//            caller's to guard.
// Ordering   Value: as its lock. RawValue: none.
// Blocking   Value: while another has its lock. Over a Lock, not an RLock, also while one's own
//            thread has it: use get_obj() then.
// Cost       Value: an acquire, a copy, a release. RawValue: a plain load or store. 64 bytes shared
//            for up to 16 bytes, and the lock's 64.
// Death      Killed inside set_value(): of 1, 2, 4 or 8 bytes the old value or the new one. Inside a
//            larger one or update(): what was written until then; owner_died() is true in the next
//            update(), and for the next who takes the lock. value() and set_value() do not use that
//            news up.
// Crossing   Any way, as a Value of the same type. A struct is the same if its name, its size and
//            its alignment are.
// Python     value is value() and set_value(). T is plain data, known when compiled; with a typecode
//            that is known at run time only: mp/sharedctypes.h.

#ifndef MP_VALUE_H_
#define MP_VALUE_H_

#include <mutex>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "mp/internal/core/elements.h"
#include "mp/internal/core/handle.h"
#include "mp/value_lock.h"

namespace mp {

// `Memory` is that of processes, here and in mp/array.h; mp::dummy has the same over memory of threads.
template <class T, class Memory = internal::Elements>
class RawValue {
  static_assert(internal::require_shareable<T>());

 public:
  using value_type = T;

  // Throws mp::MemoryError, mp::OSError.
  explicit RawValue(const T& value = T{})
      : elements_(internal::Kind::kValue, internal::element_type<T>(), 1, Memory::Fill::kByCaller) {
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

 private:
  friend Codec<RawValue>;
  explicit RawValue(Memory elements) : elements_(std::move(elements)) {}

  Memory elements_;
};

template <class T, class Memory = internal::Elements>
class Value {
  static_assert(internal::require_shareable<T>());
  using Lock = typename Memory::Lock;  // a ValueLock

 public:
  using value_type = T;

  // Under a new RLock, or under a lock that others may use as well. Throws mp::MemoryError,
  // mp::OSError.
  explicit Value(const T& value = T{}) : raw_(value) {}
  Value(const T& value, const Lock& lock) : raw_(value), lock_(lock) {}

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
  const Lock& get_lock() const noexcept { return lock_; }
  const RawValue<T, Memory>& get_obj() const noexcept { return raw_; }

  // The lock's: std::scoped_lock is Python's with.
  bool acquire(Timeout timeout = kForever) const { return lock_.acquire(timeout); }
  void release() const { lock_.release(); }
  void lock() const { acquire(); }
  bool try_lock() const { return acquire(0); }
  void unlock() const { release(); }

  friend bool operator==(const Value& a, const Value& b) noexcept { return a.raw_ == b.raw_; }

 private:
  friend Codec<Value>;
  template <class U, class M>
  friend Value<U, M> synchronized(const RawValue<U, M>& raw, const typename M::Lock& lock);
  Value(RawValue<T, Memory> raw, Lock lock) : raw_(std::move(raw)), lock_(std::move(lock)) {}

  RawValue<T, Memory> raw_;
  Lock lock_;
};

// "c_int(7)"
template <Shareable T, class Memory>
std::string repr(const RawValue<T, Memory>& v) {
  return internal::value_text(internal::element_type<T>(), v.get());
}
template <Shareable T, class Memory>
std::ostream& operator<<(std::ostream& out, const RawValue<T, Memory>& v) {
  return out << repr(v);
}

// "<Synchronized wrapper for c_int(7)>"; does not take the lock.
template <Shareable T, class Memory>
std::string repr(const Value<T, Memory>& v) {
  return internal::locked_value_text(internal::element_type<T>(), v.get_obj().get());
}
template <Shareable T, class Memory>
std::ostream& operator<<(std::ostream& out, const Value<T, Memory>& v) {
  return out << repr(v);
}

// By typecode: c b B h H i I l L q Q f d, and u of wchar_t.
template <char kCode>
using ValueOf = Value<internal::TypeOfCode<kCode>>;
template <char kCode>
using RawValueOf = RawValue<internal::TypeOfCode<kCode>>;

template <class T>
struct Codec<RawValue<T>> {
  static Encoder::Ref encode(Encoder& e, const RawValue<T>& v) { return v.elements_.encode(e); }
  static RawValue<T> decode(const Reader& r) {
    constexpr internal::ElementType kType = internal::element_type<T>();
    return RawValue<T>(internal::Elements::decode(internal::Kind::kValue, &kType, r));
  }
};

template <class T>
struct Codec<Value<T>> {
  static Encoder::Ref encode(Encoder& e, const Value<T>& v) {
    const Encoder::Ref parts[] = {e.value(v.raw_), e.value(v.lock_)};
    return internal::encode_handle(e, "mp::Value", parts);
  }
  static Value<T> decode(const Reader& r) {
    Reader parts = internal::decode_handle("mp::Value", 2, r);
    return Value<T>(parts[0].as<RawValue<T>>(), parts[1].as<ValueLock>());
  }
};

}  // namespace mp

#endif  // MP_VALUE_H_
