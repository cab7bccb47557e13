// mp/fd.h
//
// Fd: owns a file descriptor, and is how one crosses to another process.
//
//   connection.send(mp::Fd(open("data", O_RDONLY)));
//   mp::Fd file = connection.recv<mp::Fd>();   // another number, the same open file
//
// Handles    Move-only: its scope closes the descriptor. Sending it leaves it here; the receiver gets one of its own.
// Safety     As an int.
// Blocking   Never.
// Cost       Crossing: a few system calls each way. Of those that wait to be received a family holds 128 at most; one
//            more is an mp::OSError.
// Death      A sender, once send() has returned, is not needed any more. What nobody will receive is closed: the message of a
//            sender who died in send(), the descriptor of a receiver who died, the content of a queue that goes.
// Crossing   Through queues and connections of the family, and as an argument of a Process. Out of the family, over a socket: mp::TypeError.
// Python     multiprocessing.reduction.DupFd.

#ifndef MP_FD_H_
#define MP_FD_H_

#include <utility>

#include "mp/internal/frame/codec_base.h"

namespace mp {

class Fd {
 public:
  Fd() noexcept = default;
  // Takes `fd` over; -1 is none.
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  // Another descriptor of the same open file, closed at exec. Throws mp::OSError.
  static Fd duplicate(int fd);

  int get() const noexcept { return fd_; }
  // Python's name for it.
  int fileno() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  // Gives the descriptor up to the caller.
  int release() noexcept { return std::exchange(fd_, -1); }
  // Closes it and takes `fd` instead.
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

template <>
struct Codec<Fd> {
  static Encoder::Ref encode(Encoder& e, const Fd& fd) {
    return fd.valid() ? e.fd(fd.get()) : e.none();
  }
  static Fd decode(const Reader& r) { return r.is_none() ? Fd() : Fd(r.take_fd("mp::Fd")); }
};

}  // namespace mp

#endif  // MP_FD_H_
