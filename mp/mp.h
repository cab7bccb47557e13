// mp/mp.h
//
// All of mp: Python's `import multiprocessing`. No file of mp includes it.

#ifndef MP_MP_H_
#define MP_MP_H_

#if __cplusplus < 202002L
#error "mp needs C++20: compile with -std=c++20 (in a BUILD file, copts = ["-std=c++20"])"
#else
// IWYU pragma: begin_exports
#include "mp/address.h"
#include "mp/after_fork.h"
#include "mp/array.h"
#include "mp/async_result.h"
#include "mp/barrier.h"
#include "mp/bounded_semaphore.h"
#include "mp/bytes.h"
#include "mp/call_options.h"
#include "mp/challenge.h"
#include "mp/client.h"
#include "mp/codec.h"
#include "mp/condition.h"
#include "mp/connection.h"
#include "mp/context.h"
#include "mp/errors.h"
#include "mp/event.h"
#include "mp/executable.h"
#include "mp/fd.h"
#include "mp/finalize.h"
#include "mp/forkserver_preload.h"
#include "mp/function.h"
#include "mp/imap_iterator.h"
#include "mp/interruptible.h"
#include "mp/joinable_queue.h"
#include "mp/lease.h"
#include "mp/listener.h"
#include "mp/lock.h"
#include "mp/logging.h"
#include "mp/memory.h"
#include "mp/message_view.h"
#include "mp/object.h"
#include "mp/owner_death.h"
#include "mp/pipe.h"
#include "mp/pool.h"
#include "mp/pool_errors.h"
#include "mp/process.h"
#include "mp/process_of.h"
#include "mp/progress_bar.h"
#include "mp/queue.h"
#include "mp/raw_array.h"
#include "mp/remote_error.h"
#include "mp/rlock.h"
#include "mp/semaphore.h"
#include "mp/shareable_list.h"
#include "mp/shared_memory.h"
#include "mp/sharedctypes.h"
#include "mp/simple_queue.h"
#include "mp/thread_pool.h"
#include "mp/timeout.h"
#include "mp/value.h"
#include "mp/value_lock.h"
#include "mp/wait.h"
// IWYU pragma: end_exports
#endif

#endif  // MP_MP_H_
