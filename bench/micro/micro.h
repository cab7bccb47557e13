// bench/micro/micro.h
//
// The variants that measure mp itself: between processes, and its twin between threads (mp::dummy).
// Both columns of a row come from one template over the backend. Processes start by fork unless the
// row is about another method: the way a party started does not matter afterwards.

#ifndef MP_BENCH_MICRO_MICRO_H_
#define MP_BENCH_MICRO_MICRO_H_

#include "bench/variant.h"

namespace bench {

// queue.cc
Body queue_processes();
Body queue_threads();
Body queue_batch_processes();
Body queue_batch_threads();
// kManyParties producers and as many consumers of small messages.
Body queue_many_processes();
Body queue_many_threads();
// Messages of 1 MiB; put by the process that takes them, as a copy or to be looked at where they lie.
Body queue_large_processes();
Body queue_large_threads();
Body queue_large_get_alone();
Body queue_large_view_alone();
// As queue_processes(), each message taken as a lease and acknowledged.
Body queue_lease();
// A JoinableQueue: put, get, task_done(). A SimpleQueue.
Body joinable_queue();
Body simple_queue();

// pipe.cc
Body pipe_processes();
Body pipe_threads();

// connection.cc
// Two who answer each other, on one processor or on one each; messages of 1 MiB; receiving after a poll() of the descriptor; wait() over eight.
Body round_trip_processes();
Body round_trip_threads();
Body round_trip_apart_processes();
Body round_trip_apart_threads();
Body pipe_large_processes();
Body pipe_large_threads();
Body pipe_polled();
Body wait_processes();

// socket.cc: bytes over connections that a Listener and a Client have made.
Body tcp_64k();
Body tcp_64k_authenticated();
Body tcp_1m();
Body tcp_1m_authenticated();
Body unix_socket_round_trip();

// array.cc
Body array_processes();
Body array_threads();
Body array_sum_processes();
Body array_sum_threads();
Body locked_array_processes();
Body locked_array_threads();
Body locked_value_processes();
Body locked_value_threads();

// lock.cc
Body lock_processes();
Body lock_threads();
Body rlock_processes();
Body rlock_threads();
Body semaphore_processes();
Body semaphore_threads();

// condition.cc
Body condition_processes();
Body condition_threads();

// event.cc
Body event_set_processes();
Body event_set_threads();
Body event_processes();
Body event_threads();

// barrier.cc
Body barrier_processes();
Body barrier_threads();

// pool.cc, two workers
Body pool_apply_processes();
Body pool_apply_threads();
Body pool_imap_processes();
Body pool_imap_threads();
Body pool_map_processes();
Body pool_map_threads();
// A hundred microseconds of work; with two workers, and with one.
Body pool_cpu_processes();
Body pool_cpu_one_worker();
Body pool_cpu_threads();
// imap beside 64 workers.
Body pool_imap_64();
Body pool_imap_64_threads();

// start.cc
Body start_fork();
Body start_forkserver();
Body start_spawn();
// The same by a parent that has written to a gibibyte of memory.
Body start_forkserver_large();
Body start_spawn_large();
Body start_threads();

}  // namespace bench

#endif  // MP_BENCH_MICRO_MICRO_H_
