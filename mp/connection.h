// mp/connection.h
//
// Connection: one end of a channel of messages. Python: multiprocessing.connection.Connection.
//
//   auto [a, b] = mp::Pipe();
//   a.send(std::vector<int>{1, 2, 3});
//   auto v = b.recv<std::vector<int>>();
//
// Handles    Copying a Connection makes another handle to the same end. There is none without an end:
//            std::optional<Connection> is for one that comes later.
// Safety     Any thread, any process. Several may send or receive at one end at once: every message
//            stays whole.
// Ordering   What the sender did before send() is visible to who received the message.
// Blocking   recv() until a message comes; send() while the other end has left half a mebibyte
//            unread.
// Cost       As mp::Queue: one copy each way, no system call unless somebody sleeps.
// Death      An end is gone when its last holder closed it or died: then recv() hands out what was
//            sent and throws mp::EOFError, and send() throws mp::BrokenPipeError. Who waits knows
//            within milliseconds. While the end is in a message that nobody has received, or of
//            several who wait the only one who was woken dies too: within a tenth of a second.
// Crossing   Any way inside the family.
// Python     Messages stay whole also when two processes use one end. As there, an end inherited by
//            fork has one more holder.

#ifndef MP_CONNECTION_H_
#define MP_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "mp/bytes.h"
#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/internal/core/connection_core.h"
#include "mp/internal/core/messages.h"
#include "mp/message_view.h"
#include "mp/timeout.h"

namespace mp {

class Object;

class Connection {
 public:
  // Of a socket that is connected, which it takes over: messages to and from another program, which
  // is trusted no more than its bytes. Throws mp::ValueError "invalid handle", or when it is neither
  // readable nor writable; mp::OSError when `fd` is no stream socket.
  explicit Connection(int fd, bool readable = true, bool writable = true);

  // Sends a message. Throws mp::BrokenPipeError when the other end is gone, mp::OSError "handle is
  // closed" or "connection is read-only".
  template <class T = Object>
  void send(const T& value) const;

  // Receives the next message. Throws mp::EOFError when the other end is gone and all was received,
  // mp::TypeError when the message is not a T, mp::OSError "handle is closed" or "connection is
  // write-only".
  template <class T = Object>
  T recv() const;

  // The user's own bytes, as one message, which may be empty: all of them, or `size` from `offset` on. Throws
  // mp::ValueError when they are not within `bytes`.
  void send_bytes(std::span<const std::byte> bytes, int64_t offset = 0,
                  std::optional<int64_t> size = {}) const;
  void send_bytes(std::string_view bytes, int64_t offset = 0,
                  std::optional<int64_t> size = {}) const {
    send_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), offset, size);
  }
  // A whole message as bytes. Longer than `maxlength`: mp::OSError "bad message length", and this object is not readable
  // any more, or closed if it could only read. The message of a pipe stays where it is.
  Bytes recv_bytes(std::optional<int64_t> maxlength = {}) const;
  // Receives into `buffer` from `offset` on; returns the message's size. Throws mp::BufferTooShort,
  // with the message, which is then taken off.
  uint64_t recv_bytes_into(std::span<std::byte> buffer, int64_t offset = 0) const;

  // recv() and recv_bytes() without a copy of a large message; see MessageView. It counts as received, and not among what
  // the other end may be ahead.
  template <class T>
  MessageView<T> recv_view() const;
  MessageView<Bytes> recv_bytes_view() const;

  // The messages to come, until the other end is gone and all was received:
  //   for (const std::string& line : connection.messages<std::string>()) ...
  template <class T = Object>
  internal::Messages<Connection, T> messages() const {
    return internal::Messages<Connection, T>(*this);
  }

  // Whether recv() would not block: there is a message, or the other end is gone. Waits for it
  // until `timeout`.
  bool poll(Timeout timeout = 0) const { return core_.poll(internal::Deadline::after(timeout)); }

  // Readable while recv() would not block, for poll(), select() and epoll. Made when it is first asked
  // for, this process's alone, and this object's: close() closes it. It may be readable for nothing
  // after a death, or while several processes hold the same end; poll() settles that.
  int fileno() const { return core_.fileno(); }

  // This process is done with this end. Closing twice is harmless.
  void close() const noexcept { core_.close(); }
  bool closed() const noexcept { return core_.closed(); }
  bool readable() const noexcept { return core_.readable(); }
  bool writable() const noexcept { return core_.writable(); }

  friend bool operator==(const Connection& a, const Connection& b) noexcept {
    return a.core_.end() == b.core_.end();
  }

 private:
  friend std::string repr(const Connection& c);
  friend internal::ConnectionMaker;
  friend internal::ConnectionReader;
  friend Codec<Connection>;
  explicit Connection(internal::ConnectionCore core) : core_(std::move(core)) {}
  internal::ConnectionCore core_;
};

// Python: makes connections picklable. Here they are.
inline void allow_connection_pickling() noexcept {}

// "<multiprocessing.connection.Connection object at 0x1a40>"
std::string repr(const Connection& c);
std::ostream& operator<<(std::ostream& out, const Connection& c);

template <>
struct Codec<Connection> {
  static Encoder::Ref encode(Encoder& e, const Connection& c);
  static Connection decode(const Reader& r);
};

namespace internal {
// For who makes connections: Pipe, Listener, Client.
struct ConnectionMaker {
  static Connection make(ConnectionCore core) { return Connection(std::move(core)); }
  static const ConnectionCore& core(const Connection& c) { return c.core_; }
};
}  // namespace internal

}  // namespace mp

#include "mp/internal/core/connection_inl.h"

#endif  // MP_CONNECTION_H_
