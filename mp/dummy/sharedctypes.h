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

#include "mp/dummy/array.h"
#include "mp/dummy/raw_array.h"
#include "mp/dummy/value.h"
#include "mp/dummy/value_lock.h"
#include "mp/object.h"
#include "mp/sharedctypes.h"

namespace mp::dummy {

using mp::copy;
using mp::synchronized;

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
