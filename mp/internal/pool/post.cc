#include "mp/internal/pool/post.h"

#include <cstring>

#include "mp/internal/shm/family.h"

namespace mp::internal {

absl::Status add_post(ChannelWriter<>& writer, const PostHeader& header, const Encoded& message) {
  std::byte* at = writer.add(sizeof header + message.bytes.size(), message.handles, message.fds);
  if (at == nullptr) {
    return writer.status();
  }
  std::memcpy(at, &header, sizeof header);
  if (!message.bytes.empty()) {
    std::memcpy(at + sizeof header, message.bytes.data(), message.bytes.size());
  }
  return absl::OkStatus();
}

absl::Status post(const QueueCore& ring, const PostHeader& header, const Encoded& message) {
  Channel<> channel(*Family::current(), ring.ref().offset());
  ChannelWriter<> writer(channel);
  absl::Status s = writer.open(Deadline::never());
  if (s.ok()) {
    s = add_post(writer, header, message);
  }
  if (s.ok()) {
    writer.publish();
  }
  return s;
}

}  // namespace mp::internal
