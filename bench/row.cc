#include "bench/row.h"

#include "bench/micro/micro.h"
#include "bench/versus/versus.h"

namespace bench {
namespace {

constexpr int64_t kThousand = 1000;
constexpr int64_t kMillion = 1000 * kThousand;

// A semaphore that knows its holders may cost 1.2 times what one costs that does not.
constexpr double kATimeAndAFifth = 1 / 1.2;
// A start may cost one and a half times what the bare system calls cost.
constexpr double kOneAndAHalfTimesTheCost = 1 / 1.5;
// An access under a lock, and a message over a socket, a fifth more.
constexpr double kOneFifthMore = 1 / 1.2;
// What does not depend on the parent's size may cost a tenth more.
constexpr double kATenthMore = 1 / 1.1;

Body none(const char* why) { return {nullptr, why, false}; }
Body not_for_threads() { return none("sockets lead to other programs"); }

std::vector<Row> make_rows() {
  return {
      {
          .name = "queue_256B",
          .operation = "one message, put and got",
          .variants =
              {
                  {kProcesses, queue_processes(), 1 * kMillion},
                  {kThreadsTwin, queue_threads(), 1 * kMillion},
                  {kThreadsStd, std_queue(), 1 * kMillion},
                  {"moodycamel", moodycamel_queue(), 1 * kMillion},
                  {"boost_message_queue", boost_message_queue(), 1 * kMillion},
              },
          .python_operations = 60 * kThousand,
          .targets = {{"threads", 1.7, 2}, {"moodycamel", 1.7, 2}, {"boost_message_queue", 1.7, 2}},
      },
      {
          .name = "queue_256B_batch",
          .operation = "one message of put_many and get_many by 64",
          .variants =
              {
                  {kProcesses, queue_batch_processes(), 2 * kMillion},
                  {kThreadsTwin, queue_batch_threads(), 1 * kMillion},
                  {kThreadsStd, std_queue(), 1 * kMillion},
                  {"moodycamel", moodycamel_queue(), 1 * kMillion},
                  {"boost_message_queue", boost_message_queue(), 1 * kMillion},
                  {"std_batch", std_queue_batch(), 1 * kMillion},
                  {"moodycamel_bulk", moodycamel_queue_bulk(), 2 * kMillion},
              },
          .no_python = "its Queue has no batches",
          .targets = {{"threads", 3}, {"moodycamel", 3}, {"boost_message_queue", 3}},
          .remark = "threads_std, moodycamel and boost_message_queue go message by message; "
                    "threads_twin, std_batch and moodycamel_bulk by 64",
      },
      {
          .name = "queue_4x4_64B",
          .operation = "one message of 64 bytes; four producers and four consumers",
          .variants =
              {
                  {kProcesses, queue_many_processes(), 1 * kMillion},
                  {kThreadsTwin, queue_many_threads(), 1 * kMillion},
                  {kThreadsStd, std_queue_many(), 1 * kMillion},
                  {"moodycamel", moodycamel_queue_many(), 1 * kMillion},
              },
          .python_operations = 40 * kThousand,
          .targets = {{"moodycamel", 1}},
      },
      {
          .name = "queue_1MiB",
          .operation = "one message of 1 MiB, put and got",
          .variants =
              {
                  {kProcesses, queue_large_processes(), 3 * kThousand},
                  {kThreadsTwin, queue_large_threads(), 3 * kThousand},
                  {kThreadsStd, none("not written")},
                  {"two_memcpys", two_memcpys(), 10 * kThousand},
              },
          .python_operations = 500,
          .targets = {{"two_memcpys", 1 / 1.5}},
      },
      {
          .name = "queue_1MiB_view",
          .operation = "one message of 1 MiB, put and viewed without a copy by one process",
          .variants =
              {
                  {kProcesses, queue_large_view_alone(), 5 * kThousand},
                  {kThreadsTwin, none("it has no views")},
                  {kThreadsStd, none("not written")},
                  {"get", queue_large_get_alone(), 3 * kThousand},
              },
          .no_python = "its Queue has no views",
          .targets = {{"get", 1}},
      },
      {
          .name = "queue_256B_lease",
          .operation = "one message, put, taken as a lease and acknowledged",
          .variants =
              {
                  {kProcesses, queue_lease(), 1 * kMillion},
                  {kThreadsTwin, none("it has no leases")},
                  {kThreadsStd, none("not written")},
                  {"get", queue_processes(), 1 * kMillion},
              },
          .no_python = "its Queue has no leases",
      },
      {
          .name = "joinable_queue_256B",
          .operation = "one message: put, get, task_done",
          .variants =
              {
                  {kProcesses, joinable_queue(), 1 * kMillion},
                  {kThreadsTwin, none("not written")},
                  {kThreadsStd, none("not written")},
              },
          .python_operations = 30 * kThousand,
      },
      {
          .name = "simple_queue_256B",
          .operation = "one message, put and got",
          .variants =
              {
                  {kProcesses, simple_queue(), 1 * kMillion},
                  {kThreadsTwin, none("not written")},
                  {kThreadsStd, none("not written")},
              },
          .python_operations = 60 * kThousand,
      },
      {
          .name = "pipe_256B",
          .operation = "one message, sent and received",
          .variants =
              {
                  {kProcesses, pipe_processes(), 1 * kMillion},
                  {kThreadsTwin, pipe_threads(), 1 * kMillion},
                  {kThreadsStd, std_queue(), 1 * kMillion},
                  {"socketpair", socketpair_stream(), 400 * kThousand},
              },
          .python_operations = 60 * kThousand,
          .targets = {{"socketpair", 3}},
          .remark =
              "threads_std is the queue of queue_256B: one direction of a pipe between threads",
      },
      {
          .name = "pipe_round_trip",
          .operation =
              "one message there and one back, each side asleep meanwhile, on one processor",
          .variants =
              {
                  {kProcesses, round_trip_processes(), 100 * kThousand},
                  {kThreadsTwin, round_trip_threads(), 40 * kThousand},
                  {kThreadsStd, none("not written")},
                  {"futex", futex_ping_pong(), 100 * kThousand},
              },
          .python_operations = 20 * kThousand,
          .targets = {{"futex", 1 / 1.3}},
      },
      {
          .name = "pipe_round_trip_apart",
          .operation = "the same between two processors",
          .variants =
              {
                  {kProcesses, round_trip_apart_processes(), 6 * kThousand},
                  {kThreadsTwin, round_trip_apart_threads(), 6 * kThousand},
                  {kThreadsStd, none("not written")},
                  {"futex", futex_ping_pong_apart(), 6 * kThousand},
              },
          .python_operations = 2 * kThousand,
          .targets = {{"futex", 1 / 1.3}},
      },
      {
          .name = "pipe_1MiB",
          .operation = "one message of 1 MiB, sent and received into a buffer",
          .variants =
              {
                  {kProcesses, pipe_large_processes(), 4 * kThousand},
                  {kThreadsTwin, pipe_large_threads(), 4 * kThousand},
                  {kThreadsStd, none("not written")},
                  {"two_memcpys", two_memcpys(), 10 * kThousand},
              },
          .python_operations = 500,
          .targets = {{"two_memcpys", 1 / 1.5}},
      },
      {
          .name = "pipe_polled",
          .operation = "one message of 256 bytes, received after a poll() of the descriptor",
          .variants =
              {
                  {kProcesses, pipe_polled(), 200 * kThousand},
                  {kThreadsTwin, none("it has no descriptor")},
                  {kThreadsStd, none("it has no descriptor")},
                  {"socketpair", socketpair_polled(), 200 * kThousand},
              },
          .python_operations = 40 * kThousand,
      },
      {
          .name = "wait_8",
          .operation = "wait() over eight connections, one message there and one back",
          .variants =
              {
                  {kProcesses, wait_processes(), 20 * kThousand},
                  {kThreadsTwin, none("not written")},
                  {kThreadsStd, none("not written")},
              },
          .python_operations = 4 * kThousand,
      },
      {
          .name = "tcp_64KiB",
          .operation = "one message of 64 KiB over TCP on this machine, sent and received",
          .variants =
              {
                  {kProcesses, tcp_64k(), 12 * kThousand},
                  {kThreadsTwin, not_for_threads()},
                  {kThreadsStd, not_for_threads()},
                  {"socket", tcp_socket_64k(), 12 * kThousand},
                  {"authenticated", tcp_64k_authenticated(), 4 * kThousand},
              },
          .python_operations = 8 * kThousand,
          .targets = {{"socket", kOneFifthMore}},
          .remark = "authenticated is mp with an authkey: each message carries a tag",
      },
      {
          .name = "tcp_1MiB",
          .operation = "one message of 1 MiB over TCP on this machine, sent and received",
          .variants =
              {
                  {kProcesses, tcp_1m(), 800},
                  {kThreadsTwin, not_for_threads()},
                  {kThreadsStd, not_for_threads()},
                  {"socket", tcp_socket_1m(), 800},
                  {"authenticated", tcp_1m_authenticated(), 300},
              },
          .python_operations = 500,
          .targets = {{"socket", kOneFifthMore}},
          .remark = "authenticated is mp with an authkey: each message carries a tag",
      },
      {
          .name = "unix_round_trip_256B",
          .operation = "a message there and one back over a local socket",
          .variants =
              {
                  {kProcesses, unix_socket_round_trip(), 15 * kThousand},
                  {kThreadsTwin, not_for_threads()},
                  {kThreadsStd, not_for_threads()},
                  {"socketpair", socketpair_round_trip(), 15 * kThousand},
              },
          .python_operations = 8 * kThousand,
          .targets = {{"socketpair", kOneFifthMore}},
      },
      {
          .name = "seq_array_nolock",
          .operation = "one element read",
          .variants =
              {
                  {kProcesses, array_processes(), 300 * kMillion},
                  {kThreadsTwin, array_threads(), 300 * kMillion},
                  {kThreadsStd, std_sequence(), 300 * kMillion},
              },
          .python_operations = 8 * kMillion,
      },
      {
          .name = "seq_array_lock",
          .operation = "one element read under its lock",
          .variants =
              {
                  {kProcesses, locked_array_processes(), 20 * kMillion},
                  {kThreadsTwin, locked_array_threads(), 20 * kMillion},
                  {kThreadsStd, std_sequence_locked(), 20 * kMillion},
              },
          .python_operations = 800 * kThousand,
      },
      {
          .name = "array_locked_read",
          .operation = "one element read under its lock",
          .variants =
              {
                  {kProcesses, locked_array_processes(), 20 * kMillion},
                  {kThreadsTwin, locked_array_threads(), 20 * kMillion},
                  {kThreadsStd, std_sequence_under_mutex(), 20 * kMillion},
              },
          .python_operations = 800 * kThousand,
          .targets = {{kThreadsStd, kOneFifthMore}},
          .remark = "threads_std is a std::mutex, which cannot be taken twice as the Array's can",
      },
      {
          .name = "value_locked_read",
          .operation = "one value read under its lock",
          .variants =
              {
                  {kProcesses, locked_value_processes(), 20 * kMillion},
                  {kThreadsTwin, locked_value_threads(), 20 * kMillion},
                  {kThreadsStd, std_value(), 20 * kMillion},
              },
          .python_operations = 800 * kThousand,
          .targets = {{kThreadsStd, kOneFifthMore}},
          .remark = "threads_std is a std::mutex, which cannot be taken twice as the Value's can",
      },
      {
          .name = "array_raw",
          .operation = "the sum of 1,000 elements of a raw array",
          .variants =
              {
                  {kProcesses, array_sum_processes(), 1 * kMillion},
                  {kThreadsTwin, array_sum_threads(), 1 * kMillion},
                  {kThreadsStd, std_sequence_sum(), 1 * kMillion},
              },
          .python_operations = 8 * kThousand,
          .targets = {{kThreadsStd, 1}},
      },
      {
          .name = "lock",
          .operation = "acquire and release, uncontended",
          .variants =
              {
                  {kProcesses, lock_processes(), 20 * kMillion},
                  {kThreadsTwin, lock_threads(), 20 * kMillion},
                  {kThreadsStd, std_lock(), 20 * kMillion},
              },
          .python_operations = 4 * kMillion,
          .targets = {{"threads", 1}},
      },
      {
          .name = "rlock",
          .operation = "acquire and release, uncontended",
          .variants =
              {
                  {kProcesses, rlock_processes(), 20 * kMillion},
                  {kThreadsTwin, rlock_threads(), 20 * kMillion},
                  {kThreadsStd, std_rlock(), 20 * kMillion},
              },
          .python_operations = 4 * kMillion,
          .targets = {{"threads", 1}},
      },
      {
          .name = "semaphore",
          .operation = "acquire and release of the one permit, uncontended",
          .variants =
              {
                  {kProcesses, semaphore_processes(), 20 * kMillion},
                  {kThreadsTwin, semaphore_threads(), 20 * kMillion},
                  {kThreadsStd, std_semaphore(), 2 * kMillion},
                  {"sem_t", posix_semaphore(), 20 * kMillion},
              },
          .python_operations = 4 * kMillion,
          .targets = {{"sem_t", kATimeAndAFifth}},
      },
      {
          .name = "condition",
          .operation = "one wait of a ping-pong",
          .variants =
              {
                  {kProcesses, condition_processes(), 80 * kThousand},
                  {kThreadsTwin, condition_threads(), 30 * kThousand},
                  {kThreadsStd, std_condition(), 30 * kThousand},
              },
          .python_operations = 10 * kThousand,
          .targets = {{"threads", 1}},
          .remark = "two waits per round trip, counted as the reference counts them",
      },
      {
          .name = "event_set",
          .operation = "set and clear, nobody waiting",
          .variants =
              {
                  {kProcesses, event_set_processes(), 20 * kMillion},
                  {kThreadsTwin, event_set_threads(), 10 * kMillion},
                  {kThreadsStd, std_event_set(), 10 * kMillion},
              },
          .python_operations = 200 * kThousand,
          .targets = {{"threads", 1}},
      },
      {
          .name = "event",
          .operation = "one wait of a ping-pong",
          .variants =
              {
                  {kProcesses, event_processes(), 80 * kThousand},
                  {kThreadsTwin, event_threads(), 40 * kThousand},
                  {kThreadsStd, std_event(), 30 * kThousand},
              },
          .python_operations = 10 * kThousand,
          .targets = {{"threads", 1}},
          .remark = "two waits per round trip, as in the row of the condition",
      },
      {
          .name = "barrier",
          .operation = "one round of two parties",
          .variants =
              {
                  {kProcesses, barrier_processes(), 20 * kThousand},
                  {kThreadsTwin, barrier_threads(), 20 * kThousand},
                  {kThreadsStd, std_barrier(), 80 * kThousand},
              },
          .python_operations = 5 * kThousand,
          .remark = "threads_std is std::barrier, which spins, and hangs when a party is gone",
      },
      {
          .name = "pool_apply",
          .operation = "one apply() of a function that returns its argument, and its result",
          .variants =
              {
                  {kProcesses, pool_apply_processes(), 60 * kThousand},
                  {kThreadsTwin, pool_apply_threads(), 40 * kThousand},
                  {kThreadsStd, std_pool_apply(), 30 * kThousand},
              },
          .python_operations = 2 * kThousand,
          .targets = {{"python", 25}},
          .remark = "two workers, as in the rows of pools below",
      },
      {
          .name = "pool_imap",
          .operation = "one item of imap() in chunks of one",
          .variants =
              {
                  {kProcesses, pool_imap_processes(), 400 * kThousand},
                  {kThreadsTwin, pool_imap_threads(), 200 * kThousand},
                  {kThreadsStd, std_pool_imap(), 200 * kThousand},
              },
          .python_operations = 8 * kThousand,
          .targets = {{"python", 20}},
      },
      {
          .name = "pool_map",
          .operation = "one item of a map() over a million, the second of two such maps",
          .variants =
              {
                  {kProcesses, pool_map_processes(), kMillion},
                  {kThreadsTwin, pool_map_threads(), kMillion},
                  {kThreadsStd, std_pool_map(), kMillion},
                  {"onetbb", onetbb_map(), kMillion},
              },
          .python_operations = kMillion,
          .targets = {{"python", 5}, {kThreadsTwin, 1 / 2.0}},
      },
      {
          .name = "pool_cpu_100us",
          .operation = "one task of 100 us of a map in chunks of one",
          .variants =
              {
                  {kProcesses, pool_cpu_processes(), 20 * kThousand},
                  {kThreadsTwin, pool_cpu_threads(), 20 * kThousand},
                  {kThreadsStd, std_pool_cpu(), 20 * kThousand},
                  {"one_worker", pool_cpu_one_worker(), 10 * kThousand},
                  {"onetbb", onetbb_cpu(), 20 * kThousand},
              },
          .no_python = "it would compute for a thousand times as long",
          .targets = {{"one_worker", 1.9}},
      },
      {
          .name = "pool_imap_64",
          .operation = "one item of imap() in chunks of one, 64 workers on these processors",
          .variants =
              {
                  {kProcesses, pool_imap_64(), 200 * kThousand},
                  {kThreadsTwin, pool_imap_64_threads(), 200 * kThousand},
                  {kThreadsStd, std_pool_imap_64(), 200 * kThousand},
                  {"two_workers", pool_imap_processes(), 200 * kThousand},
              },
          .no_python = "the row pool_imap has it",
          .remark = "what 64 workers cost where there is no work for them",
      },
      {
          .name = "start_fork",
          .operation = "start and join",
          .variants =
              {
                  {kProcesses, start_fork(), 600},
                  {kThreadsTwin, start_threads(), 10 * kThousand},
                  {kThreadsStd, std_start(), 10 * kThousand},
                  {"bare_fork", bare_fork(), 800},
              },
          .python_operations = 80,
          .targets = {{"bare_fork", kOneAndAHalfTimesTheCost}},
      },
      {
          .name = "start_forkserver",
          .operation = "start and join",
          .variants =
              {
                  {kProcesses, start_forkserver(), 600},
                  {kThreadsTwin, start_threads(), 10 * kThousand},
                  {kThreadsStd, std_start(), 10 * kThousand},
                  {"bare_fork", bare_fork(), 800},
              },
          .python_operations = 50,
          .targets = {{"bare_fork", kOneAndAHalfTimesTheCost}},
      },
      {
          .name = "start_spawn",
          .operation = "start and join",
          .variants =
              {
                  {kProcesses, start_spawn(), 150},
                  {kThreadsTwin, start_threads(), 10 * kThousand},
                  {kThreadsStd, std_start(), 10 * kThousand},
                  {"posix_spawn_self", posix_spawn_self(), 200},
              },
          .python_operations = 6,
          .targets = {{"posix_spawn_self", kOneAndAHalfTimesTheCost}},
      },
      {
          .name = "start_forkserver_1GiB",
          .operation = "start and join, by a parent that has a gibibyte of memory",
          .variants =
              {
                  {kProcesses, start_forkserver_large(), 600},
                  {kThreadsTwin, start_threads(), 10 * kThousand},
                  {kThreadsStd, std_start(), 10 * kThousand},
                  {"small_parent", start_forkserver(), 600},
              },
          .python_operations = 50,
          .targets = {{"small_parent", kATenthMore}},
      },
      {
          .name = "start_spawn_1GiB",
          .operation = "start and join, by a parent that has a gibibyte of memory",
          .variants =
              {
                  {kProcesses, start_spawn_large(), 150},
                  {kThreadsTwin, start_threads(), 10 * kThousand},
                  {kThreadsStd, std_start(), 10 * kThousand},
                  {"small_parent", start_spawn(), 150},
              },
          .python_operations = 6,
          .targets = {{"small_parent", kATenthMore}},
      },
  };
}

}  // namespace

const Variant* Row::variant(const std::string& column) const {
  for (const Variant& v : variants) {
    if (v.column == column) return &v;
  }
  return nullptr;
}

const std::vector<Row>& rows() {
  static const std::vector<Row>& all = *new std::vector<Row>(make_rows());
  return all;
}

}  // namespace bench
