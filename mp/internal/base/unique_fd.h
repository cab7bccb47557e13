// mp/internal/base/unique_fd.h
//
// UniqueFd: owns one file descriptor and closes it. Move-only.

#ifndef MP_INTERNAL_BASE_UNIQUE_FD_H_
#define MP_INTERNAL_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace mp::internal {

class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    // close() is not retried on EINTR: Linux has freed the number by then.
    if (fd_ >= 0) {
      close(fd_);
    }
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_BASE_UNIQUE_FD_H_
