#include "mp/connection.h"

#include <cstring>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/received.h"

namespace mp {

namespace {

// What `use` makes of the next message of either kind.
template <class F>
auto with_next(const internal::ConnectionCore& core, const F& use) {
  if (core.is_socket()) {
    core.check_handle();
    internal::Incoming message;
    core.socket().receive_bytes(message);
    return use(message.payload());
  }
  internal::Received received;
  core.recv_whole(received);
  return use(received.bytes());
}

std::shared_ptr<internal::SocketEnd> socket_of(int fd, bool readable, bool writable) {
  if (fd < 0) {
    raise(internal::value_error("invalid handle"));
  }
  if (!readable && !writable) {
    raise(internal::value_error("at least one of `readable` and `writable` must be True"));
  }
  if (int err = internal::check_stream(fd); err != 0) {
    raise(internal::os_error(err, absl::StrCat("mp::Connection: file descriptor ", fd)));
  }
  return std::make_shared<internal::SocketEnd>(
      internal::UniqueFd(fd),
      internal::SocketEnd::Terms{.readable = readable, .writable = writable});
}

}  // namespace

Connection::Connection(int fd, bool readable, bool writable)
    : core_(socket_of(fd, readable, writable)) {}

Bytes Connection::recv_bytes(uint64_t maxlength) const {
  return with_next(core_, [&](std::span<const std::byte> bytes) {
    if (bytes.size() > maxlength) {
      raise(OSError("bad message length").status());
    }
    return Bytes(bytes);
  });
}

uint64_t Connection::recv_bytes_into(std::span<std::byte> buffer, uint64_t offset) const {
  if (offset > buffer.size()) {
    raise(internal::value_error("buffer length < offset"));
  }
  return with_next(core_, [&](std::span<const std::byte> bytes) -> uint64_t {
    if (bytes.size() > buffer.size() - offset) {
      throw BufferTooShort("the message is longer than the buffer: see message()",
                           std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    }
    if (!bytes.empty()) {
      std::memcpy(buffer.data() + offset, bytes.data(), bytes.size());
    }
    return bytes.size();
  });
}

Encoder::Ref Codec<Connection>::encode(Encoder& e, const Connection& c) {
  const internal::ConnectionCore& core = c.core_;
  auto ring = [&](const std::optional<internal::QueueCore>& q) {
    return q.has_value() ? internal::encode_ref(e, internal::Kind::kQueue, q->ref()) : e.none();
  };
  core.check_handle();
  if (core.is_socket()) {
    const Encoder::Ref parts[] = {
        internal::encode_ref(e, internal::Kind::kSocket, core.end()),
        e.fd(core.socket().fd()),
    };
    return internal::encode_handle(e, "mp::Connection", parts);
  }
  const Encoder::Ref parts[] = {
      internal::encode_ref(e, internal::Kind::kConnection, core.end()),
      ring(core.in()),
      ring(core.out()),
  };
  return internal::encode_handle(e, "mp::Connection", parts);
}

Connection Codec<Connection>::decode(const Reader& r) {
  Reader parts = r.tagged("mp::Connection");
  if (parts.is_sequence() && parts.size() == 2) {
    internal::UniqueFd fd(parts[1].take_fd("mp::Connection"));
    return Connection(internal::ConnectionCore(std::make_shared<internal::SocketEnd>(
        internal::decode_ref(internal::Kind::kSocket, parts[0]), std::move(fd))));
  }
  parts.expect_items(3, "mp::Connection");
  auto ring = [](const Reader& part) {
    return part.is_none() ? std::optional<internal::QueueCore>()
                          : internal::QueueCore(internal::decode_ref(internal::Kind::kQueue, part));
  };
  internal::ConnectionCore core(internal::decode_ref(internal::Kind::kConnection, parts[0]),
                                ring(parts[1]), ring(parts[2]));
  core.announce();
  return Connection(std::move(core));
}

std::string repr(const Connection& c) {
  return absl::StrCat("<multiprocessing.connection.Connection object at 0x",
                      absl::Hex(c.core_.end().offset()), ">");
}

std::ostream& operator<<(std::ostream& out, const Connection& c) { return out << repr(c); }

}  // namespace mp
