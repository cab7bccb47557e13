// mp/internal/proc/finish.h
//
// How a child of mp ends. Whatever ends it in order (its function returns, std::exit, mp::exit) goes through the same
// last steps: exit handlers and statics that the child itself registered, newest first; its own children; its buffers;
// its exit status into its slot; _exit. What it inherited by fork, its parent's handlers and statics, it leaves alone.

#ifndef MP_INTERNAL_PROC_FINISH_H_
#define MP_INTERNAL_PROC_FINISH_H_

#include <optional>

namespace mp::internal {

// In a process that is about to fork a child: the child can register its last steps without allocating. Otherwise the
// first allocation of a child may tidy the whole heap, and copy each page that it meets.
void reserve_finish() noexcept;

// In a child, before anything of the user's runs. `last` is called before the buffers are flushed; what it returns is the exit
// code instead of another.
void arm_finish(std::optional<int> (*last)());

// Ends this process with `code` & 0xff.
[[noreturn]] void finish(int code);

// Writes out what stdout, stderr and the C++ streams over them hold; with `all`, every stream of C.
void flush_streams(bool all) noexcept;

// For a child about to be forked: so that it inherits no text that is not written out yet. A stream other than the
// standard ones may be locked by a thread that waits for input, so those are flushed only when there is no other thread.
void flush_before_fork() noexcept;

// /dev/null, open for reading: the standard input of children. -1 if it cannot be opened.
int null_input() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_FINISH_H_
