// mp/dummy/connection.h
//
// Connection: mp::Connection between the threads of one process. Python:
// multiprocessing.dummy.connection.Connection.
//
//   auto [a, b] = mp::dummy::Pipe();
//   a.send(std::vector<int>{1, 2, 3});
//   auto v = b.recv<std::vector<int>>();
//
// Handles    Copying a Connection makes another handle to the same end.
// Safety     Any thread of this process. Several may send or receive at one end at once.
// Ordering   What the sender did before send() is visible to who received the message.
// Blocking   recv() until a message comes; send() while the other end has left half a mebibyte
//            unread.
// Cost       A value that is received as the type it was sent as is moved, not serialized; a system
//            call only if somebody sleeps.
// Death      An end is gone when its last handle is closed or destroyed: then recv() hands out what
//            was sent and throws mp::EOFError, and send() throws mp::BrokenPipeError.
// Crossing   To other threads, in any way. Not to other processes: mp::Connection does that.
// Python     There is an EOF, where Python's dummy waits for ever. close() is of one handle, since
//            one process holds them all. What cannot be serialized can be sent, too.

#ifndef MP_DUMMY_CONNECTION_H_
#define MP_DUMMY_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mp/bytes.h"
#include "mp/dummy/internal/thread_message.h"
#include "mp/dummy/internal/thread_pipe.h"
#include "mp/dummy/message_view.h"
#include "mp/internal/core/messages.h"
#include "mp/timeout.h"

namespace mp {
class Object;
}

namespace mp::dummy {

class Connection {
 public:
  // Sends a message. Throws mp::BrokenPipeError when the other end is gone, mp::OSError "handle is
  // closed" or "connection is read-only".
  template <class T = Object>
  void send(const T& value) const {
    pipe_.check_writable();
    pipe_.send(internal::ThreadMessage::of(value));
  }
  template <class T>
  requires(!std::is_reference_v<T> && !std::is_const_v<T>) void send(T&& value) const {
    pipe_.check_writable();
    pipe_.send(internal::ThreadMessage::of(std::move(value)));
  }

  // Receives the next message. Throws mp::EOFError when the other end is gone and all was received,
  // mp::TypeError when the message is not a T, mp::OSError "handle is closed" or "connection is
  // write-only".
  template <class T = Object>
  T recv() const {
    return pipe_.recv().take<T>();
  }

  // The user's own bytes, as one message, which may be empty: all of them, or `size` from `offset` on. Throws
  // mp::ValueError when they are not within `bytes`.
  void send_bytes(std::span<const std::byte> bytes, int64_t offset = 0,
                  std::optional<int64_t> size = {}) const;
  void send_bytes(std::string_view bytes, int64_t offset = 0,
                  std::optional<int64_t> size = {}) const {
    send_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), offset, size);
  }
  // A whole message as bytes. Longer than `maxlength`: mp::OSError "bad message length", and this object is not readable
  // any more, or closed if it could only read.
  Bytes recv_bytes(std::optional<int64_t> maxlength = {}) const;
  // Receives into `buffer` from `offset` on; returns the message's size. Throws mp::BufferTooShort,
  // with the message, which is then taken off.
  uint64_t recv_bytes_into(std::span<std::byte> buffer, int64_t offset = 0) const;

  // recv() and recv_bytes(), for code that is written for those of mp::Connection; see MessageView.
  template <class T>
  MessageView<T> recv_view() const {
    return MessageView<T>(recv<T>());
  }
  MessageView<Bytes> recv_bytes_view() const { return MessageView<Bytes>(recv_bytes()); }

  // The messages to come, until the other end is gone and all was received:
  //   for (const std::string& line : connection.messages<std::string>()) ...
  template <class T = Object>
  internal::Messages<Connection, T> messages() const {
    return internal::Messages<Connection, T>(*this);
  }

  // Whether recv() would not block: there is a message, or the other end is gone. Waits for it
  // until `timeout`.
  bool poll(Timeout timeout = 0) const { return pipe_.poll(internal::Deadline::after(timeout)); }

  // This handle, and later copies of it, are done with this end. Closing twice is harmless.
  void close() const noexcept { pipe_.close(); }
  bool closed() const noexcept { return pipe_.closed(); }
  bool readable() const noexcept { return pipe_.readable(); }
  bool writable() const noexcept { return pipe_.writable(); }

  friend bool operator==(const Connection& a, const Connection& b) noexcept {
    return a.pipe_ == b.pipe_;
  }
  // "<multiprocessing.dummy.connection.Connection object at 0x7f...>"
  friend std::string repr(const Connection& c) { return c.pipe_.repr(); }
  friend std::ostream& operator<<(std::ostream& out, const Connection& c) { return out << repr(c); }

 private:
  friend std::pair<Connection, Connection> Pipe(bool duplex);
  explicit Connection(internal::ThreadPipe pipe) noexcept : pipe_(std::move(pipe)) {}
  internal::ThreadPipe pipe_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_CONNECTION_H_
