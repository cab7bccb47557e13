#include "mp/dummy/internal/thread_message.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/fd.h"

namespace mp::internal {

AlignedBytes::AlignedBytes(std::span<const std::byte> bytes)
    : words_((bytes.size() + 7) / 8), size_(bytes.size()) {
  if (size_ != 0) {
    std::memcpy(words_.data(), bytes.data(), size_);
  }
}

int DuplicatedFds::take_fd(uint32_t index) {
  if (index >= fds_.size()) {
    raise(CodecError("the message has no such file descriptor").status());
  }
  return Fd::duplicate(fds_[index]).release();
}

ThreadMessage ThreadMessage::raw(std::span<const std::byte> bytes) {
  ThreadMessage m;
  m.raw_ = true;
  m.weight_ = bytes.size();
  m.bytes_ = AlignedBytes(bytes);
  return m;
}

ThreadMessage ThreadMessage::encoded(const Encoder& encoder) {
  if (!encoder.handles().empty() || !encoder.fds().empty()) {
    // Nobody would keep them until the message is received.
    raise(type_error("a view of mp objects or file descriptors cannot be sent: send a container"));
  }
  ThreadMessage m;
  m.weight_ = encoder.message().size();
  m.bytes_ = AlignedBytes(encoder.message());
  return m;
}

void ThreadMessage::check_encoded() const {
  if (raw_) {
    raise(CodecError("the message was sent with send_bytes(): receive it with recv_bytes()")
              .status());
  }
}

void ThreadMessage::encode() {
  if (value_ == nullptr || fds_ != nullptr) {
    return;
  }
  Encoder& encoder = Encoder::local();
  if (!value_->encode(encoder)) {
    refuse("something that has an mp::Codec");
  }
  bytes_ = AlignedBytes(encoder.message());
  fds_ = std::make_unique<DuplicatedFds>(encoder);
}

void ThreadMessage::refuse(std::string_view wanted) const {
  std::string found = value_ != nullptr ? pretty_name(*type_) : raw_ ? "bytes" : "a view";
  raise(type_error(absl::StrCat("expected ", absl::string_view(wanted.data(), wanted.size()),
                                ", found ", found)));
}

}  // namespace mp::internal
