// mp/dummy/internal/handle_flag.h
//
// HandleFlag: something that is so for one handle, as "closed". A copy begins as the original is.

#ifndef MP_DUMMY_INTERNAL_HANDLE_FLAG_H_
#define MP_DUMMY_INTERNAL_HANDLE_FLAG_H_

#include <atomic>

namespace mp::internal {

class HandleFlag {
 public:
  HandleFlag() noexcept = default;
  HandleFlag(const HandleFlag& other) noexcept : set_(other.is_set()) {}
  HandleFlag& operator=(const HandleFlag& other) noexcept {
    set_.store(other.is_set(), std::memory_order_relaxed);
    return *this;
  }

  // Relaxed: it tells of nothing but itself.
  bool is_set() const noexcept { return set_.load(std::memory_order_relaxed); }
  // Whether it was set before. Const, as every operation on a handle is.
  bool set() const noexcept { return set_.exchange(true, std::memory_order_relaxed); }

 private:
  mutable std::atomic<bool> set_{false};
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_HANDLE_FLAG_H_
