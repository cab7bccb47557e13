// mp/internal/pool/pool_bug.h
//
// The bugs of pools that a test may plant, to show that the others would notice: sync/atomics.h has those of shared words.

#ifndef MP_INTERNAL_POOL_POOL_BUG_H_
#define MP_INTERNAL_POOL_POOL_BUG_H_

#include <atomic>
#include <cstdint>

namespace mp::internal {

enum class PoolBug : int {
  kNone,
  kDeathUnnoticed,       // nobody looks after a worker that has ended
  kNobodyTakesItsPlace,  // it is seen to, and not replaced
  kResultOfTheDeadLost,  // what it had sent is not read any more
  kUnbegunTasksLost,     // what it had not begun goes to nobody
  kAllIsBegun,           // what it had not begun is lost as what it had
  kBegunTasksRunAgain,   // what it had begun is run again, asked for or not
  kUnwatched,            // who is stopped is found out by those who wait long at a time
  kNothingIsTakenBack,   // tasks stay with a worker that does not begin them
  kNewcomersIdle,  // a worker that is new, or idle by a death, gets nothing of what waits elsewhere
  kLevelledOnce,   // of several idle workers one or two get what waits elsewhere
  kHandlesLeftInMessage,  // a worker passes over a message and what it carries
  kPlaceForgotten,        // the next worker is looked for behind the last one
  kMercy,                 // terminate() sends no SIGKILL
  kAskedToEnd,            // nor does cancel(), or a time that is over
  kAskedKeepsQuiet,       // who is asked to read results, and has his own, asks nobody
  kLowestRuns,            // of what is begun and not read, the first is taken for what runs
  kLateWorkersUnseen,     // who reads results looks for those that were there when he began
  kCallsUntold,           // who sleeps as he reads results is not told of a callback to make
  kCallsOneByOne,         // a callback that waits makes no other callback
  kRingsGrow,             // a worker that does not read gets more and more
  kCloggedForGood,        // or never again, once it had too much
  kAskedToLeaveOnce,      // whether there was memory to ask it or not
  kStreamsCut,            // an imap reads no further after close()
  kJoinReadsOn,           // join() reads the inputs of imaps, however long that takes
  kBuriedFirst,           // after terminate() too, ends are seen to before the living are killed
  kInheritedCounts,       // a worker has grown by what it had at its start
  kBegunUnsaid,           // a worker runs a task and does not say so first
  kToldBeforeSent,        // it says that there is a result, then sends it
  kLastUntold,            // it wakes nobody for the last results of a crowd
  kOthersFirst,           // it begins another's task before it wakes who waits for a crowd's
};

// Set before the first pool, in every process alike: to read it is one load of a word that never changes.
inline PoolBug g_pool_bug = PoolBug::kNone;

inline bool planted(PoolBug bug) noexcept { return g_pool_bug == bug; }

// What a test may change of pools' circumstances, while there is none.
struct PoolCircumstances {
  int64_t slice_ns = 50'000'000;         // how long who reads results sleeps at most
  std::atomic<int> refused_leaves = 0;   // so many messages "leave" find no memory
  std::atomic<bool> unreadable = false;  // what a dead worker had sent cannot be read
};
inline PoolCircumstances g_pool_circumstances;

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_POOL_BUG_H_
