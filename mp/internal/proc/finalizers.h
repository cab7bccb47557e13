// mp/internal/proc/finalizers.h
//
// Finalizers: functions that this process still has to call, each once. Those with a priority are called when it ends in
// order, the highest first, and of one priority the youngest first.
//
// Fork    A child begins with none, and finds that out by its pid: neither a fork nor its handlers touch anything here, and
//         a lock that another thread held is of no concern. What the parent's were to destroy is left as it is.
// Safety  Any thread; nothing is locked while a finalizer runs.

#ifndef MP_INTERNAL_PROC_FINALIZERS_H_
#define MP_INTERNAL_PROC_FINALIZERS_H_

#include <cstdint>
#include <functional>
#include <optional>

namespace mp::internal {

struct FinalizerId {
  int pid;
  uint64_t number;
};

FinalizerId add_finalizer(std::function<void()> callback, std::optional<int> exitpriority);
// Not called any more, nor given out; empty when it is no longer there, or another process's.
std::function<void()> take_finalizer(FinalizerId id) noexcept;
bool has_finalizer(FinalizerId id) noexcept;

// Calls those that have a priority of at least `least`. Exceptions go to stderr.
void run_finalizers(std::optional<int> least) noexcept;

// How this process ends in order: calls run_finalizers(), among other things. Set by static initialisers; until then all are
// run.
void set_end_of_process(void (*end)()) noexcept;

// Calls `callback`; what it throws goes to stderr.
void call_finalizer(const std::function<void()>& callback) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_FINALIZERS_H_
