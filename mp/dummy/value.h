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

#include "mp/dummy/internal/thread_elements.h"
#include "mp/dummy/value_lock.h"
#include "mp/value.h"

namespace mp::dummy {

template <class T>
using RawValue = mp::RawValue<T, internal::ThreadElements>;
template <class T>
using Value = mp::Value<T, internal::ThreadElements>;

// By typecode.
template <char kCode>
using ValueOf = Value<internal::TypeOfCode<kCode>>;
template <char kCode>
using RawValueOf = RawValue<internal::TypeOfCode<kCode>>;

}  // namespace mp::dummy

#endif  // MP_DUMMY_VALUE_H_
