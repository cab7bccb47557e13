// mp/dummy.h
//
// mp::dummy: the library once more, for the threads of one process. Python: multiprocessing.dummy.
//
//   template <class B>  // mp::Processes or mp::Threads, see mp/backend.h
//   void count(typename B::template Queue<int> q) { for (int i = 0; i < 10; ++i) q.put(i); }
//
// Same classes, same methods, same errors; each header says where a thread differs from a process.

#ifndef MP_DUMMY_H_
#define MP_DUMMY_H_

#include "mp/dummy/array.h"
#include "mp/dummy/barrier.h"
#include "mp/dummy/bounded_semaphore.h"
#include "mp/dummy/condition.h"
#include "mp/dummy/connection.h"
#include "mp/dummy/event.h"
#include "mp/dummy/joinable_queue.h"
#include "mp/dummy/lease.h"
#include "mp/dummy/listener.h"
#include "mp/dummy/lock.h"
#include "mp/dummy/message_view.h"
#include "mp/dummy/pipe.h"
#include "mp/dummy/process.h"
#include "mp/dummy/queue.h"
#include "mp/dummy/raw_array.h"
#include "mp/dummy/rlock.h"
#include "mp/dummy/semaphore.h"
#include "mp/dummy/shareable_list.h"
#include "mp/dummy/shared_memory.h"
#include "mp/dummy/sharedctypes.h"
#include "mp/dummy/simple_queue.h"
#include "mp/dummy/value.h"
#include "mp/dummy/value_lock.h"

#endif  // MP_DUMMY_H_
