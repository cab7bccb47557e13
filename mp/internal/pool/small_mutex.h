// mp/internal/pool/small_mutex.h
//
// SmallMutex: a mutex of four bytes, for what there may be millions of. std::mutex has forty.
//
// Safety    The threads of one process. Like a std::mutex it may go once nobody is in lock() or unlock().
// Cost      Two locked instructions when nobody else has it.

#ifndef MP_INTERNAL_POOL_SMALL_MUTEX_H_
#define MP_INTERNAL_POOL_SMALL_MUTEX_H_

#include <atomic>
#include <cstdint>

namespace mp::internal {

class SmallMutex {
 public:
  void lock() noexcept {
    while (held_.exchange(1, std::memory_order_acquire) != 0) {
      held_.wait(1, std::memory_order_relaxed);
    }
  }
  void unlock() noexcept {
    // seq_cst: notify_one() looks for who waits, and that look must not pass the store.
    held_.store(0, std::memory_order_seq_cst);
    held_.notify_one();
  }

 private:
  std::atomic<int32_t> held_{0};  // an int: waits on the word itself
};

static_assert(sizeof(SmallMutex) == 4);

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_SMALL_MUTEX_H_
