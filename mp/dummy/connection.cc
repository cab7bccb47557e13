#include "mp/dummy/connection.h"

#include <cstring>
#include <string>

#include "mp/errors.h"
#include "mp/internal/core/byte_arguments.h"

namespace mp::dummy {

void Connection::send_bytes(std::span<const std::byte> bytes, int64_t offset,
                            std::optional<int64_t> size) const {
  pipe_.check_writable();
  pipe_.send(internal::ThreadMessage::raw(internal::bytes_to_send(bytes, offset, size)));
}

Bytes Connection::recv_bytes(std::optional<int64_t> maxlength) const {
  internal::check_maxlength(maxlength);
  internal::ThreadMessage message = pipe_.recv();
  std::span<const std::byte> bytes = message.bytes();
  if (maxlength.has_value() && bytes.size() > static_cast<uint64_t>(*maxlength)) {
    pipe_.refuse_length();
  }
  return Bytes(bytes);
}

uint64_t Connection::recv_bytes_into(std::span<std::byte> buffer, int64_t offset) const {
  std::span<std::byte> room = internal::bytes_to_fill(buffer, offset);
  internal::ThreadMessage message = pipe_.recv();
  std::span<const std::byte> bytes = message.bytes();
  if (bytes.size() > room.size()) {
    throw BufferTooShort("the message is longer than the buffer: see message()",
                         std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  if (!bytes.empty()) {
    std::memcpy(room.data(), bytes.data(), bytes.size());
  }
  return bytes.size();
}

}  // namespace mp::dummy
