#include "mp/dummy/connection.h"

#include <cstring>
#include <string>

#include "mp/errors.h"

namespace mp::dummy {

Bytes Connection::recv_bytes(uint64_t maxlength) const {
  internal::ThreadMessage message = pipe_.recv();
  std::span<const std::byte> bytes = message.bytes();
  if (bytes.size() > maxlength) {
    raise(OSError("bad message length").status());
  }
  return Bytes(bytes);
}

uint64_t Connection::recv_bytes_into(std::span<std::byte> buffer, uint64_t offset) const {
  if (offset > buffer.size()) {
    raise(internal::value_error("buffer length < offset"));
  }
  internal::ThreadMessage message = pipe_.recv();
  std::span<const std::byte> bytes = message.bytes();
  if (bytes.size() > buffer.size() - offset) {
    throw BufferTooShort("the message is longer than the buffer: see message()",
                         std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  if (!bytes.empty()) {
    std::memcpy(buffer.data() + offset, bytes.data(), bytes.size());
  }
  return bytes.size();
}

}  // namespace mp::dummy
