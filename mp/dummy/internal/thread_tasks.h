// mp/dummy/internal/thread_tasks.h
//
// ThreadTasks: which messages of a queue between threads somebody has and is not done with. All of it is guarded by the
// queue's mutex.

#ifndef MP_DUMMY_INTERNAL_THREAD_TASKS_H_
#define MP_DUMMY_INTERNAL_THREAD_TASKS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mp::internal {

class ThreadTasks {
 public:
  // Message `seq` is had by `thread`, which got it; 0: by a lease.
  void add(uint64_t seq, uint32_t thread) { had_.push_back({seq, thread}); }
  // Nobody has it any more. False when that was so already: somebody has said that it is finished.
  bool remove(uint64_t seq) {
    auto at = std::find_if(had_.begin(), had_.end(), [seq](const Had& h) { return h.seq == seq; });
    return at != had_.end() && (had_.erase(at), true);
  }
  // Removes the oldest that `thread` got, else that any thread got, else any: false when there is none.
  bool remove_one(uint32_t thread) {
    auto at = std::find_if(had_.begin(), had_.end(),
                           [thread](const Had& h) { return h.thread == thread; });
    if (at == had_.end()) {
      at = std::find_if(had_.begin(), had_.end(), [](const Had& h) { return h.thread != 0; });
    }
    if (at == had_.end()) {
      at = std::min_element(had_.begin(), had_.end(),
                            [](const Had& a, const Had& b) { return a.seq < b.seq; });
    }
    return at != had_.end() && (had_.erase(at), true);
  }
  uint64_t count() const noexcept { return had_.size(); }

 private:
  struct Had {
    uint64_t seq;
    uint32_t thread;
  };
  std::vector<Had> had_;  // in the order in which they were taken
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_TASKS_H_
