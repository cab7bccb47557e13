// mp/internal/base/fork_handlers.h
//
// ForkHandlers: what parts of mp do around every fork() of this process, whoever calls it, in one fixed order.
//
// pthread_atfork() orders by the time of registration, and that is not ours to choose: a static initializer of the user's
// may be the first to need a part. Here the order is that of ForkOrder, which is the order in which locks nest.
//
// Safety  Any thread. A fork that is under way when one is registered goes without it, in all three of its parts.
// Fork    The child reads what is registered, and writes nothing.

#ifndef MP_INTERNAL_BASE_FORK_HANDLERS_H_
#define MP_INTERNAL_BASE_FORK_HANDLERS_H_

namespace mp::internal {

// Before a fork from first to last, after it from last to first.
enum class ForkOrder {
  kStart,  // starts of children, and the hooks of what a child must forget: a start holds it as it forks
  kThreads,    // the threads twin's list
  kFamily,     // membership
  kInterrupt,  // the disposition of SIGINT
  kMailbox,    // the sockets that carry descriptors
  kLogging,    // handlers of records
  kPollFds,    // descriptors that stand for queues
  kGets,       // gets that are not answered yet
  kProcess,    // the process's number
  kThread,     // the thread's number
  kCount,
};

// Each may be null. Called once for each of the order.
struct ForkHandlers {
  void (*prepare)() = nullptr;
  void (*parent)() = nullptr;
  void (*child)() = nullptr;
};
// True, so that a variable's initializer can register.
bool handle_forks(ForkOrder order, const ForkHandlers& handlers);

}  // namespace mp::internal

#endif  // MP_INTERNAL_BASE_FORK_HANDLERS_H_
