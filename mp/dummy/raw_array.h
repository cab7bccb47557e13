// mp/dummy/raw_array.h
//
// RawArray: mp::RawArray between the threads of one process.
//
//   mp::dummy::RawArray<double> r(1000);      // zeros
//   for (double& x : r) x = 1;
//
// Handles    Copying makes another handle to the same elements; the last one frees them.
// Safety     The elements are memory, and the caller's to guard.
// Ordering   None.
// Blocking   None.
// Cost       A plain load or store.
// Death      A thread that ends leaves the elements as they are.
// Crossing   To other threads, in any way. Not to other processes: mp::RawArray does that.
// Python     multiprocessing.dummy has none.

#ifndef MP_DUMMY_RAW_ARRAY_H_
#define MP_DUMMY_RAW_ARRAY_H_

#include "mp/dummy/internal/thread_elements.h"
#include "mp/raw_array.h"

namespace mp::dummy {

template <class T>
using RawArray = mp::RawArray<T, internal::ThreadElements>;

template <char kCode>
using RawArrayOf = RawArray<internal::TypeOfCode<kCode>>;

}  // namespace mp::dummy

// It has begin() and end(), but is no sequence to be sent to another process.
template <class T>
struct mp::Codec<mp::dummy::RawArray<T>> {
  using CannotCross = void;
};

#endif  // MP_DUMMY_RAW_ARRAY_H_
