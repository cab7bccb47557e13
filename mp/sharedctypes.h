// mp/sharedctypes.h
//
// copy, synchronized, and Values and Arrays whose typecode is known at run time. Python:
// multiprocessing.sharedctypes.
//
//   mp::RawArray<int> a({1, 2, 3});
//   mp::RawArray<int> b = mp::copy(a);                // elements of its own
//   mp::Array<int> c = mp::synchronized(a, lock);     // the elements of a, under a lock
//
//   mp::Value<mp::Object> n = mp::make_value('i', 7);
//   n.set_value(n.value().as<int>() + 1);
//   mp::Array<mp::Object> t = mp::make_array('d', {0.5, 1});
//   std::cout << t.slice(0, 2) << '\n';               // [0.5, 1.0]
//
// Value<Object> has the methods of Value, Array<Object> those of Array, with Objects for T; a slice,
// and what update() of all elements gets, is a list, bytes of 'c', or str of 'u'. Made as raw ones they have no lock, and what needs one throws
// mp::AttributeError.
//
// Handles    As Value and Array.
// Safety     As Value and Array.
// Ordering   As Value and Array.
// Blocking   As Value and Array.
// Cost       As Value and Array, and making an Object of each element.
// Death      As Value and Array.
// Crossing   Any way. A Value<Object> may be received as a Value<T> of its type, and the reverse.
// Python     As ctypes: integers are cut to the element's width, 'q' prints as c_long. A failed
//            assignment of a slice changes nothing (there: the elements before the wrong one).

#ifndef MP_SHAREDCTYPES_H_
#define MP_SHAREDCTYPES_H_

#include <ostream>
#include <span>
#include <string>

#include "mp/array.h"
#include "mp/internal/core/shared_object.h"
#include "mp/object.h"
#include "mp/raw_array.h"
#include "mp/value.h"
#include "mp/value_lock.h"

namespace mp {

// A new object with what `x` holds now. The caller keeps others from changing it meanwhile.
template <class T, class Memory>
RawValue<T, Memory> copy(const RawValue<T, Memory>& x) {
  return RawValue<T, Memory>(*x);
}
template <class T, class Memory>
RawArray<T, Memory> copy(const RawArray<T, Memory>& x) {
  return RawArray<T, Memory>(std::span<T>(x));
}

// The same memory under a lock: a new RLock, or one that others may use as well.
template <class T, class Memory>
Value<T, Memory> synchronized(const RawValue<T, Memory>& raw, const typename Memory::Lock& lock) {
  return Value<T, Memory>(raw, lock);
}
template <class T, class Memory>
Value<T, Memory> synchronized(const RawValue<T, Memory>& raw) {
  return synchronized(raw, typename Memory::Lock());
}
template <class T, class Memory>
Array<T, Memory> synchronized(const RawArray<T, Memory>& raw, const typename Memory::Lock& lock) {
  return Array<T, Memory>(raw, lock);
}
template <class T, class Memory>
Array<T, Memory> synchronized(const RawArray<T, Memory>& raw) {
  return synchronized(raw, typename Memory::Lock());
}

template <class Memory>
class Value<Object, Memory> final : public internal::ObjectValue<Value<Object, Memory>, Memory> {
 public:
  using internal::ObjectValue<Value, Memory>::ObjectValue;

 private:
  friend Codec<Value>;
};

template <class Memory>
class Array<Object, Memory> final : public internal::ObjectArray<Array<Object, Memory>, Memory> {
 public:
  using internal::ObjectArray<Array, Memory>::ObjectArray;

 private:
  friend Codec<Array>;
};

// As of a typed Value or Array. Found by the full name mp::repr as well, which would otherwise make an
// Object of what it is given.
template <class Memory>
std::string repr(const Value<Object, Memory>& v) {
  return v.text();
}
template <class Memory>
std::ostream& operator<<(std::ostream& out, const Value<Object, Memory>& v) {
  return out << v.text();
}
template <class Memory>
std::string repr(const Array<Object, Memory>& a) {
  return a.text();
}
template <class Memory>
std::ostream& operator<<(std::ostream& out, const Array<Object, Memory>& a) {
  return out << a.text();
}

// By typecode: c u b B h H i I l L q Q f d. Throw mp::TypeError "bad typecode (must be a ctypes type
// or one of ...)" for others, and for a value that is none of that type.
Value<Object> make_value(char typecode, const Object& value, const ValueLock& lock);
Value<Object> make_value(char typecode, const Object& value);
Value<Object> make_value(char typecode);
Value<Object> make_raw_value(char typecode, const Object& value);
Value<Object> make_raw_value(char typecode);
// An int is a length, of zeros; anything else has the elements.
Array<Object> make_array(char typecode, const Object& size_or_initializer, const ValueLock& lock);
Array<Object> make_array(char typecode, const Object& size_or_initializer);
Array<Object> make_raw_array(char typecode, const Object& size_or_initializer);

template <>
struct Codec<Value<Object>> {
  static Encoder::Ref encode(Encoder& e, const Value<Object>& v);
  static Value<Object> decode(const Reader& r);
};
template <>
struct Codec<Array<Object>> {
  static Encoder::Ref encode(Encoder& e, const Array<Object>& a);
  static Array<Object> decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_SHAREDCTYPES_H_
