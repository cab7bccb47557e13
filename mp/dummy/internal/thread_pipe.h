// mp/dummy/internal/thread_pipe.h
//
// ThreadPipe: what mp::dummy::Connection is without the types of its messages. Two lanes, one each
// way; an end is shared by its handles, and when the last open one is gone both lanes break.

#ifndef MP_DUMMY_INTERNAL_THREAD_PIPE_H_
#define MP_DUMMY_INTERNAL_THREAD_PIPE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mp/dummy/internal/handle_flag.h"
#include "mp/dummy/internal/thread_message.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

struct ThreadEnd;

// A handle to an end. Every operation raises the connection's own errors.
class ThreadPipe {
 public:
  // The two ends of a new pipe; not duplex: the first only receives, the second only sends.
  static std::pair<ThreadPipe, ThreadPipe> make(bool duplex);

  ThreadPipe(const ThreadPipe& other) noexcept;
  ThreadPipe(ThreadPipe&& other) noexcept : ThreadPipe(std::as_const(other)) { other.close(); }
  ThreadPipe& operator=(const ThreadPipe& other) noexcept;
  ~ThreadPipe() { close(); }

  // Before a message is made: raises what send() would.
  void check_writable() const;
  void send(ThreadMessage message) const;
  ThreadMessage recv() const;
  bool poll(Deadline deadline) const;
  void close() const noexcept;
  // As ConnectionCore's; for this handle, and later copies of it.
  [[noreturn]] void refuse_length() const;

  bool closed() const noexcept { return closed_.is_set(); }
  bool readable() const noexcept;
  bool writable() const noexcept;
  friend bool operator==(const ThreadPipe& a, const ThreadPipe& b) noexcept {
    return a.end_ == b.end_;
  }
  // "<multiprocessing.dummy.connection.Connection object at 0x7f...>"
  std::string repr() const;

 private:
  explicit ThreadPipe(std::shared_ptr<ThreadEnd> end) noexcept;
  void check_open() const;
  void check_readable() const;

  std::shared_ptr<ThreadEnd> end_;
  HandleFlag closed_;
  HandleFlag unreadable_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_PIPE_H_
