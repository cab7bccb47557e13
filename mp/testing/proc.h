// mp/testing/proc.h
//
// What /proc says about other processes: enough to know that somebody sleeps, instead of waiting and hoping.

#ifndef MP_TESTING_PROC_H_
#define MP_TESTING_PROC_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace mp::testing {

// The letter of /proc/PID/stat: 'R' runs, 'S' sleeps, 'Z' dead and not waited for, 't' stopped by its tracer; 0 when there
// is no such process.
char process_state(pid_t pid);

// The number of the system call in which `pid` is blocked; -1 when it is in none, or runs.
long blocked_in(pid_t pid);

// Blocked in one of the futex calls: only a wake, a signal or its own timeout moves it.
bool asleep_in_futex(pid_t pid);

// How often `pid` has given its processor away. Two equal readings of a sleeper mean that it slept all the time.
uint64_t switches(pid_t pid);

// Polls until `pid` is asleep in a futex. False when it ended instead, or `limit` passed.
bool await_asleep(pid_t pid, std::chrono::nanoseconds limit = std::chrono::seconds(10));

// The same for the system call `call`: SYS_ppoll.
bool await_blocked_in(pid_t pid, long call,
                      std::chrono::nanoseconds limit = std::chrono::seconds(10));

// The children of `pid`, zombies included.
std::vector<pid_t> children_of(pid_t pid);

// "sleep 10" or "[name]" of a process without arguments: for messages.
std::string command_of(pid_t pid);

}  // namespace mp::testing

#endif  // MP_TESTING_PROC_H_
