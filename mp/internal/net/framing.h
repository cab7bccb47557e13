// mp/internal/net/framing.h
//
// Framing: where a message begins and ends in a stream of bytes, and what it holds. Nothing here knows of sockets: bytes in,
// bytes out.
//
//   frame   := length(4, little-endian) envelope(length bytes) [tag(32)]
//   message := frame                                          the payload is in the envelope
//            | frame block(raw_size bytes) [tag(32)]          raw_follows
//
// An envelope is that of mp/wire/envelope.fbs. Tags are there if the connection was authenticated over a network: HMAC-SHA256
// over the number of the part (0, 1, ... in each direction; a frame and a block are a part each) and its bytes.

#ifndef MP_INTERNAL_NET_FRAMING_H_
#define MP_INTERNAL_NET_FRAMING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/internal/frame/envelope.h"
#include "mp/internal/net/seal.h"

namespace mp::internal {

// How the bytes of one message are laid out; a connection has one for its life.
class Framing {
 public:
  // What stands in shared memory for it.
  enum class Id : uint8_t { kMp, kPython };

  static constexpr size_t kMostHead = 112;
  // What stands before a payload.
  struct Head {
    std::array<std::byte, kMostHead> bytes;
    size_t size = 0;
    // The payload is a part of its own, with a number and a tag of its own.
    bool apart = false;
    std::span<const std::byte> span() const noexcept { return std::span(bytes).first(size); }
  };
  virtual Head head(Content content, uint64_t payload) const = 0;

  // A message begins with this many bytes that say how long it is.
  static constexpr size_t kLength = 4;
  struct Length {
    uint64_t body = 0;
    // So many bytes of length come before that, which read_more_length() understands.
    size_t more = 0;
  };
  virtual Length read_length(std::span<const std::byte, kLength> bytes) const = 0;
  virtual uint64_t read_more_length(std::span<const std::byte> bytes) const;
  // The body of the largest message whose payload is of `payload` bytes.
  virtual uint64_t most_body(uint64_t payload) const = 0;
  // What a whole body says; its payload is a part of it, 16-aligned as it is.
  virtual absl::StatusOr<Envelope> read_body(std::span<const std::byte> body) const = 0;

  static const Framing& of(Id id);
  // By a static initialiser; kMp is there.
  static void set(Id id, const Framing* framing) noexcept;

 protected:
  ~Framing() = default;
};

// Memory for a message that grows as it comes: who announces much and sends little costs little.
class FrameBuffer {
 public:
  FrameBuffer() noexcept = default;
  FrameBuffer(FrameBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  FrameBuffer& operator=(FrameBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~FrameBuffer() { std::free(data_); }
  // 16-aligned.
  std::byte* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }
  // What it holds stays. False: no memory.
  bool grow(size_t size) noexcept;
  // One that this thread used before, or an empty one; and back again.
  static FrameBuffer borrow() noexcept;
  void give_back() noexcept;

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// A message on its way in. Put bytes where room() says, and tell received(), until it is whole().
class Incoming {
 public:
  struct Terms {
    const Framing* framing;
    uint64_t max_frame;
    // Null: no tags.
    const SealKey* key;
    // The number of the message's first part.
    uint64_t count;
  };

  Incoming() noexcept : buffer_(FrameBuffer::borrow()) {}
  ~Incoming() { buffer_.give_back(); }
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  absl::Status begin(const Terms& terms);
  // These bytes are the next ones of the stream, not yet taken: if they say how long the message is, room() may be for all of it.
  absl::Status look_ahead(std::span<const std::byte> bytes);
  // Where the next bytes of the message go, and no others.
  std::span<std::byte> room() const noexcept { return {buffer_.data() + filled_, end_ - filled_}; }
  // An error: the peer speaks no language of ours, or announces more than it may; nothing is read from it any more.
  absl::Status received(size_t count);
  bool whole() const noexcept { return stage_ == Stage::kWhole; }
  // How many parts it was.
  uint64_t parts() const noexcept { return parts_; }

  Content content() const noexcept { return content_; }
  // 16-aligned.
  std::span<const std::byte> payload() const noexcept { return payload_; }

  // What it costs at the moment.
  size_t memory() const noexcept { return buffer_.size(); }

  // What each message gets at once.
  static constexpr size_t kFirstRoom = size_t{64} << 10;

 private:
  enum class Stage { kLength, kMoreLength, kBody, kBlock, kWhole };

  // Bytes of length stand right before the body, which is at a multiple of 16.
  static constexpr size_t kBodyAt = 32;
  size_t tag_size() const noexcept { return terms_.key != nullptr ? kTagSize : 0; }
  absl::Status end_of_stage();
  // The first bytes of the length, which may not be in the buffer yet.
  absl::Status read_length(std::span<const std::byte> bytes);
  absl::Status expect_body(uint64_t size);
  absl::Status end_of_body();
  absl::Status end_of_block();
  absl::Status check_tag();
  // As much room for this stage as what has come is worth.
  absl::Status make_room();

  Terms terms_{};
  FrameBuffer buffer_;
  Stage stage_ = Stage::kWhole;
  size_t begin_ = 0;   // of this part
  size_t filled_ = 0;  // up to here bytes have come
  size_t end_ = 0;     // up to here there is room for them
  uint64_t want_ = 0;  // the end of this stage
  uint64_t parts_ = 0;
  Content content_ = Content::kUnknown;
  std::span<const std::byte> payload_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_FRAMING_H_
