#include "mp/connection.h"

#include <cstring>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/received.h"

namespace mp {

Bytes Connection::recv_bytes(uint64_t maxlength) const {
  internal::Received received;
  core_.recv_whole(received);
  std::span<const std::byte> bytes = received.bytes();
  if (bytes.size() > maxlength) {
    raise(OSError("bad message length").status());
  }
  return Bytes(bytes);
}

uint64_t Connection::recv_bytes_into(std::span<std::byte> buffer, uint64_t offset) const {
  if (offset > buffer.size()) {
    raise(internal::value_error("buffer length < offset"));
  }
  internal::Received received;
  core_.recv_whole(received);
  std::span<const std::byte> bytes = received.bytes();
  if (bytes.size() > buffer.size() - offset) {
    throw BufferTooShort("the message is longer than the buffer: see message()",
                         std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  if (!bytes.empty()) {
    std::memcpy(buffer.data() + offset, bytes.data(), bytes.size());
  }
  return bytes.size();
}

Encoder::Ref Codec<Connection>::encode(Encoder& e, const Connection& c) {
  const internal::ConnectionCore& core = c.core_;
  auto ring = [&](const std::optional<internal::QueueCore>& q) {
    return q.has_value() ? internal::encode_ref(e, internal::Kind::kQueue, q->ref()) : e.none();
  };
  core.check_handle();
  const Encoder::Ref parts[] = {
      internal::encode_ref(e, internal::Kind::kConnection, core.end()),
      ring(core.in()),
      ring(core.out()),
  };
  return internal::encode_handle(e, "mp::Connection", parts);
}

Connection Codec<Connection>::decode(const Reader& r) {
  Reader parts = internal::decode_handle("mp::Connection", 3, r);
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
