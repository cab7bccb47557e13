#include "mp/connection.h"

#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/internal/core/byte_arguments.h"
#include "mp/internal/core/handle.h"

namespace mp {

namespace {

// What `use` makes of the bytes of the next message, where they lie. It is taken off unless `use` raises.
template <class F>
auto with_next(const internal::ConnectionCore& core, const F& use) {
  if (core.is_socket()) {
    core.check_readable();
    internal::Incoming message;
    core.socket().receive_bytes(message);
    return use(message.payload());
  }
  internal::QueueCore::Get get;
  core.open(get);
  auto result = use(get.message());
  get.commit();
  return result;
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

void Connection::send_bytes(std::span<const std::byte> bytes, int64_t offset,
                            std::optional<int64_t> size) const {
  core_.check_handle();
  core_.send_bytes(internal::bytes_to_send(bytes, offset, size));
}

Bytes Connection::recv_bytes(std::optional<int64_t> maxlength) const {
  core_.check_handle();
  internal::check_maxlength(maxlength);
  return with_next(core_, [&](std::span<const std::byte> message) {
    if (maxlength.has_value() && message.size() > static_cast<uint64_t>(*maxlength)) {
      core_.refuse_length();
    }
    return Bytes(message);
  });
}

uint64_t Connection::recv_bytes_into(std::span<std::byte> buffer, int64_t offset) const {
  core_.check_handle();
  std::span<std::byte> room = internal::bytes_to_fill(buffer, offset);
  std::optional<std::string> too_long;
  const uint64_t size = with_next(core_, [&](std::span<const std::byte> message) {
    if (message.size() > room.size()) {
      too_long.emplace(reinterpret_cast<const char*>(message.data()), message.size());
    } else if (!message.empty()) {
      std::memcpy(room.data(), message.data(), message.size());
    }
    return message.size();
  });
  if (too_long.has_value()) {
    throw BufferTooShort("the message is longer than the buffer: see message()",
                         *std::move(too_long));
  }
  return size;
}

MessageView<Bytes> Connection::recv_bytes_view() const {
  if (core_.is_socket()) {
    return MessageView<Bytes>(recv_bytes());
  }
  internal::QueueCore::Leased leased;
  core_.view(leased);
  std::span<const std::byte> bytes = leased.bytes();
  return MessageView<Bytes>(std::move(leased), {bytes.data(), bytes.size()});
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
