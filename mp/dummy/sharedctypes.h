// mp/dummy/sharedctypes.h
//
// copy, synchronized, and Values and Arrays whose typecode is known at run time, between the threads
// of one process; see mp/sharedctypes.h.
//
//   mp::dummy::Array<int> c = mp::dummy::synchronized(a, lock);
//   mp::dummy::Value<mp::Object> n = mp::dummy::make_value('i', 7);
//
// Handles    As mp::dummy::Value and Array.
// Safety     As mp::dummy::Value and Array.
// Ordering   As mp::dummy::Value and Array.
// Blocking   As mp::dummy::Value and Array.
// Cost       As mp::dummy::Value and Array, and making an Object of each element.
// Death      As mp::dummy::Value and Array.
// Crossing   To other threads, in any way.
// Python     As mp/sharedctypes.h; multiprocessing.dummy has none of it.

#ifndef MP_DUMMY_SHAREDCTYPES_H_
#define MP_DUMMY_SHAREDCTYPES_H_

#include <span>

#include "mp/dummy/array.h"
#include "mp/dummy/internal/thread_elements.h"
#include "mp/dummy/raw_array.h"
#include "mp/dummy/value.h"
#include "mp/dummy/value_lock.h"
#include "mp/internal/core/shared_object.h"
#include "mp/object.h"

namespace mp::dummy {

template <class T>
RawValue<T> copy(const RawValue<T>& x) {
  return RawValue<T>(*x);
}
template <class T>
RawArray<T> copy(const RawArray<T>& x) {
  return RawArray<T>(std::span<T>(x));
}

template <class T>
Value<T> synchronized(const RawValue<T>& raw, const ValueLock& lock) {
  return Value<T>(raw, lock);
}
template <class T>
Value<T> synchronized(const RawValue<T>& raw) {
  return synchronized(raw, ValueLock());
}
template <class T>
Array<T> synchronized(const RawArray<T>& raw, const ValueLock& lock) {
  return Array<T>(raw, lock);
}
template <class T>
Array<T> synchronized(const RawArray<T>& raw) {
  return synchronized(raw, ValueLock());
}

template <>
class Value<Object> final
    : public internal::ObjectValue<Value<Object>, internal::ThreadElements, ValueLock> {
 public:
  using ObjectValue::ObjectValue;
};

template <>
class Array<Object> final
    : public internal::ObjectArray<Array<Object>, internal::ThreadElements, ValueLock> {
 public:
  using ObjectArray::ObjectArray;
};

Value<Object> make_value(char typecode, const Object& value, const ValueLock& lock);
Value<Object> make_value(char typecode, const Object& value);
Value<Object> make_value(char typecode);
Value<Object> make_raw_value(char typecode, const Object& value);
Value<Object> make_raw_value(char typecode);
Array<Object> make_array(char typecode, const Object& size_or_initializer, const ValueLock& lock);
Array<Object> make_array(char typecode, const Object& size_or_initializer);
Array<Object> make_raw_array(char typecode, const Object& size_or_initializer);

}  // namespace mp::dummy

#endif  // MP_DUMMY_SHAREDCTYPES_H_
