// mp/internal/os/process_bug.h
//
// The bugs of processes that a test may plant, to show that the others would notice: sync/atomics.h has those of shared words.

#ifndef MP_INTERNAL_OS_PROCESS_BUG_H_
#define MP_INTERNAL_OS_PROCESS_BUG_H_

namespace mp::internal {

enum class ProcessBug {
  kNone,
  kNoHelper,      // who signals a tree stops it himself
  kParentsFirst,  // the members of a tree get the signal top down
  kParentAlone,   // a child watches its parent, and nobody above it
  kShutInUse,     // close() shuts a descriptor whose number others use
};

// Read where nothing is fast; set before the processes it is planted in begin.
inline ProcessBug g_process_bug = ProcessBug::kNone;

inline bool planted(ProcessBug bug) noexcept { return g_process_bug == bug; }

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_PROCESS_BUG_H_
