// mp/internal/proc/finalizers.h
//
// Finalizers: functions that this process still has to call, each once. Those with a priority are called when it ends in
// order, the highest first, and of one priority the youngest first.
//
// Fork    A child begins with none. A fork changes a number, by which everything of the parent's is another process's: it is
//         left as it is, a lock that another thread held among it.
// Safety  Any thread; nothing is locked while a finalizer runs.

#ifndef MP_INTERNAL_PROC_FINALIZERS_H_
#define MP_INTERNAL_PROC_FINALIZERS_H_

#include <cstdint>
#include <functional>
#include <optional>

namespace mp::internal {

struct FinalizerId {
  uint64_t process =
      0;  // how many forks are between the first process and the one it is of, and one
  uint64_t number = 0;
};

// This process's, as in FinalizerId. A load: no system call.
uint64_t process_number() noexcept;

FinalizerId add_finalizer(std::function<void()> callback, std::optional<int> exitpriority);
// Not called any more, nor given out; empty when it is no longer there, or another process's.
std::function<void()> take_finalizer(FinalizerId id) noexcept;
bool has_finalizer(FinalizerId id) noexcept;

// Calls those that have a priority of at least `least`. Exceptions go to stderr. The code of the last mp::exit() in them, if
// there was one: it ends the finalizer, and no other.
std::optional<int> run_finalizers(std::optional<int> least) noexcept;

// How this process ends in order: calls run_finalizers(), among other things. Set by static initialisers; until then all are
// run.
void set_end_of_process(void (*end)()) noexcept;
// Makes exit() call it, before the handlers and statics of before this.
void arm_end_of_process();

// Calls `callback`. What it throws goes to stderr, and mp::exit() in it has no effect but that.
void call_finalizer(const std::function<void()>& callback) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_FINALIZERS_H_
