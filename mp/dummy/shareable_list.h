// mp/dummy/shareable_list.h
//
// ShareableList: between threads mp::ShareableList serves as it is. Python:
// multiprocessing.shared_memory.ShareableList.
//
// Handles, Safety, Ordering, Blocking, Cost, Death, Crossing, Python: see mp/shareable_list.h.

#ifndef MP_DUMMY_SHAREABLE_LIST_H_
#define MP_DUMMY_SHAREABLE_LIST_H_

#include "mp/shareable_list.h"

namespace mp::dummy {

using mp::ShareableList;

}  // namespace mp::dummy

#endif  // MP_DUMMY_SHAREABLE_LIST_H_
