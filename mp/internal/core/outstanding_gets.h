// mp/internal/core/outstanding_gets.h
//
// OutstandingGets: what this process got out of a joinable queue and has not called task_done() for.
// All its handles to the queue share one; the last of them gives back what is left.
//
// Fork  A child forgets what its parent got.

#ifndef MP_INTERNAL_CORE_OUTSTANDING_GETS_H_
#define MP_INTERNAL_CORE_OUTSTANDING_GETS_H_

#include <cstdint>
#include <deque>
#include <memory>

#include "mp/internal/core/queue_core.h"

namespace mp::internal {

class OutstandingGets {
 public:
  // That of the queue.
  static std::shared_ptr<OutstandingGets> of(const QueueCore& queue);
  ~OutstandingGets();
  OutstandingGets(const OutstandingGets&) = delete;
  OutstandingGets& operator=(const OutstandingGets&) = delete;

  // The calling thread has got it.
  void add(QueueCore::Leased leased);
  // The oldest get of the calling thread, else of the process; nothing when there is none.
  QueueCore::Leased take();

 private:
  struct Got {
    uint32_t thread;
    QueueCore::Leased leased;
  };

  explicit OutstandingGets(uint64_t queue) : queue_(queue) {}

  const uint64_t queue_;
  std::deque<Got> gets_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_OUTSTANDING_GETS_H_
