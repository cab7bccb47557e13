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

#include "mp/array.h"
#include "mp/dummy/raw_array.h"
#include "mp/dummy/value_lock.h"

namespace mp::dummy {

template <class T>
using Array = mp::Array<T, internal::ThreadElements>;

template <char kCode>
using ArrayOf = Array<internal::TypeOfCode<kCode>>;

}  // namespace mp::dummy

// As RawArray.
template <class T>
struct mp::Codec<mp::dummy::Array<T>> {
  using CannotCross = void;
};

#endif  // MP_DUMMY_ARRAY_H_
