// mp/internal/os/poll_set.h
//
// Descriptors that are waited for: several behind one that is itself pollable, and a list of them in one call.

#ifndef MP_INTERNAL_OS_POLL_SET_H_
#define MP_INTERNAL_OS_POLL_SET_H_

#include <cstddef>
#include <span>

#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

// A descriptor that is readable while one of those in it is.
class PollSet {
 public:
  // 0 or an errno.
  int open() noexcept;
  int add(int fd) noexcept;
  void remove(int fd) noexcept;
  void close() noexcept { epoll_.reset(); }
  int fd() const noexcept { return epoll_.get(); }

 private:
  UniqueFd epoll_;
};

struct PollItem {
  int fd;
  bool ready = false;
};
// Waits until one of `items` is readable, at its end, or in error, and marks all that are; nothing is marked when `deadline`
// passed first, or a signal came. 0, or EBADF when one of them is not open, or another errno.
int poll_items(std::span<PollItem> items, Deadline deadline);

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_POLL_SET_H_
