// mp/python/connection.h
//
// python::Connection: messages of bytes to and from a Python program. Python:
// multiprocessing.connection.Connection, its send_bytes() and recv_bytes().
//
//   mp::python::Connection conn = mp::python::Client("/tmp/socket", {.authkey = key});
//   conn.send_bytes("hello");                              // conn.recv_bytes() in Python
//   conn.send_value(std::map<std::string, double>{{"a", 1.5}});
//
// Python's send() and recv() pickle, and mp does not: use send_bytes() and recv_bytes() there. What
// send_value() sends is, for Python, a message of bytes that the `flatbuffers` package reads with the
// schema mp/wire/value.fbs; what recv_value() receives is written by it.
//
// Handles    Copying a Connection makes another handle to the same end.
// Safety     Any thread, any process of the family: every message stays whole.
// Ordering   What the sender did before sending is visible to who received the message, as far as they
//            share anything.
// Blocking   Receiving, until a message comes; sending, while the other side does not read.
// Cost       A system call each way, two for a message that is awaited.
// Death      Of the other side: mp::EOFError between two messages, mp::OSError inside of one,
//            mp::BrokenPipeError when sending. Of a process of the family that was in the middle of a
//            message: the connection breaks for all who have it.
// Crossing   Any way inside the family.
// Python     A message over max_frame is refused, either way. There is no send() and no recv().

#ifndef MP_PYTHON_CONNECTION_H_
#define MP_PYTHON_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "mp/bytes.h"
#include "mp/codec.h"
#include "mp/connection.h"
#include "mp/timeout.h"

namespace mp {

class Object;

namespace python {

class Connection {
 public:
  // One message: all of `bytes`, or `size` from `offset` on. Throws mp::ValueError when that is not
  // within them, mp::BrokenPipeError when the other end is gone, mp::OSError "handle is closed".
  void send_bytes(std::span<const std::byte> bytes, int64_t offset = 0,
                  std::optional<int64_t> size = {}) const {
    socket_.send_bytes(bytes, offset, size);
  }
  void send_bytes(std::string_view bytes, int64_t offset = 0,
                  std::optional<int64_t> size = {}) const {
    socket_.send_bytes(bytes, offset, size);
  }

  // The next message, whole. Throws mp::EOFError when the other end is gone, mp::OSError "handle is
  // closed", and "bad message length" when it is longer than `maxlength`: then this object receives no
  // more, as in Python.
  Bytes recv_bytes(std::optional<int64_t> maxlength = {}) const {
    return socket_.recv_bytes(maxlength);
  }
  // Receives into `buffer` from `offset` on; returns the message's size. Throws mp::BufferTooShort,
  // with the message.
  uint64_t recv_bytes_into(std::span<std::byte> buffer, int64_t offset = 0) const {
    return socket_.recv_bytes_into(buffer, offset);
  }

  // A value, as a message of mp/wire/value.fbs. Throws mp::TypeError for what means something inside
  // of its family only: handles, descriptors, functions.
  template <class T>
  void send_value(const T& value) const {
    socket_.send(value);
  }
  // Throws mp::CodecError when the message is no value, mp::TypeError when it is not a T.
  template <class T = Object>
  T recv_value() const {
    internal::Incoming message;
    receive_value(message);
    return internal::decode_message<T>(message.payload());
  }

  // Whether recv_bytes() would not block: a message begins, or the other end is gone. Waits for it
  // until `timeout`.
  bool poll(Timeout timeout = 0) const { return socket_.poll(timeout); }
  // Readable when poll() is true. Throws mp::OSError "handle is closed".
  int fileno() const;

  // This process is done with this end. Closing twice is harmless.
  void close() const noexcept { socket_.close(); }
  bool closed() const noexcept { return socket_.closed(); }

  friend bool operator==(const Connection& a, const Connection& b) noexcept = default;

 private:
  friend struct ConnectionMaker;
  friend Codec<Connection>;
  friend std::string repr(const Connection& c);
  explicit Connection(mp::Connection socket) : socket_(std::move(socket)) {}
  void receive_value(internal::Incoming& message) const;

  mp::Connection socket_;
};

// "<multiprocessing.connection.Connection object at 0x1a40>"
std::string repr(const Connection& c);
std::ostream& operator<<(std::ostream& out, const Connection& c);

}  // namespace python

template <>
struct Codec<python::Connection> {
  static Encoder::Ref encode(Encoder& e, const python::Connection& c);
  static python::Connection decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_PYTHON_CONNECTION_H_
