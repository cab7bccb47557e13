// mp/dummy/shared_memory.h
//
// SharedMemory: between threads mp::SharedMemory serves as it is. Python:
// multiprocessing.shared_memory.SharedMemory.
//
// Handles, Safety, Ordering, Blocking, Cost, Death, Crossing, Python: see mp/shared_memory.h. A queue
// of mp::dummy passes a handle on as a copy, so close() closes it for all.

#ifndef MP_DUMMY_SHARED_MEMORY_H_
#define MP_DUMMY_SHARED_MEMORY_H_

#include "mp/shared_memory.h"

namespace mp::dummy {

using mp::SharedMemory;

}  // namespace mp::dummy

#endif  // MP_DUMMY_SHARED_MEMORY_H_
