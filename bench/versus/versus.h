// bench/versus/versus.h
//
// The variants that hold nothing of mp: the standard library between threads, other libraries, bare
// system calls.

#ifndef MP_BENCH_VERSUS_VERSUS_H_
#define MP_BENCH_VERSUS_VERSUS_H_

#include "bench/variant.h"

namespace bench {

// std_threads.cc: what one writes with the standard library.
// A mutex, a condition_variable notified on each put, and a deque of strings.
Body std_queue();
// The same with kBatch messages per turn of the lock.
Body std_queue_batch();
// kManyParties producers and as many consumers of SmallMessages.
Body std_queue_many();
// A std::mutex / std::recursive_mutex that nobody else wants, in a program with a second thread.
Body std_lock();
Body std_rlock();
// A std::counting_semaphore of one permit.
Body std_semaphore();
// Two threads that wait for each other in turn.
Body std_condition();
// A flag, a mutex and a condition_variable: set and clear that nobody waits for; two threads that
// wait for each other in turn.
Body std_event_set();
Body std_event();
// Two threads that meet at a std::barrier.
Body std_barrier();
// An element of a std::array; the same under a std::recursive_mutex per access, and under a
// std::mutex; the sum of a std::vector; an int under a std::mutex.
Body std_sequence();
Body std_sequence_locked();
Body std_sequence_under_mutex();
Body std_sequence_sum();
Body std_value();
// Start and join a std::thread.
Body std_start();
// std_pool.cc
Body std_pool_apply();
Body std_pool_imap();
Body std_pool_imap_64();
Body std_pool_map();
Body std_pool_cpu();

// onetbb.cc: oneTBB with two threads, the caller's among them.
Body onetbb_map();
Body onetbb_cpu();

// moodycamel.cc: moodycamel::BlockingConcurrentQueue between threads, message by message and in
// bulk.
Body moodycamel_queue();
Body moodycamel_queue_bulk();
// kManyParties producers and as many consumers of SmallMessages.
Body moodycamel_queue_many();

// boost_message_queue.cc: boost::interprocess::message_queue between processes.
Body boost_message_queue();

// system_calls.cc
// An AF_UNIX stream socketpair between processes, 4 bytes of length and the message per write.
Body socketpair_stream();
// A process-shared sem_t of one permit: sem_wait() and sem_post().
Body posix_semaphore();
// fork(), _exit() at once, waitpid().
Body bare_fork();
// posix_spawn() and waitpid() of this binary, which returns in the first line of main
// (kReturnAtOnce).
Body posix_spawn_self();

// pipes.cc
// Two processes that wake each other and sleep, over two words of shared memory: on one processor, or on one each.
Body futex_ping_pong();
Body futex_ping_pong_apart();
// An AF_UNIX seqpacket socketpair between processes, whose reader polls before each read.
Body socketpair_polled();
// A large message copied twice.
Body two_memcpys();

// sockets.cc: 4 bytes of length and the message, over TCP on this machine and an AF_UNIX socketpair.
Body tcp_socket_64k();
Body tcp_socket_1m();
Body socketpair_round_trip();

// The argument that lets main() return in its first line.
inline constexpr char kReturnAtOnce[] = "--return-at-once";

}  // namespace bench

#endif  // MP_BENCH_VERSUS_VERSUS_H_
