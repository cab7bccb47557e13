#include "mp/internal/net/framing.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/internal/base/check.h"

namespace mp::internal {
namespace {

absl::Status bad(std::string_view why) {
  return make_status("CodecError", absl::StatusCode::kDataLoss, why);
}

void store32(std::byte* at, uint64_t v) noexcept {
  auto word = static_cast<uint32_t>(v);
  std::memcpy(at, &word, sizeof word);
}

// What an envelope has before its payload, but for the numbers in it: taken from one that the builder made.
struct Template {
  Template(Content content, bool block) {
    // Numbers that occur nowhere else.
    constexpr uint32_t kPayload = 0x0051;
    constexpr uint64_t kBlock = 0x5152535455565758;
    const std::vector<std::byte> payload(kPayload);
    std::vector<std::byte> made = encode_envelope(
        {.content = content,
         .payload = block ? std::span<const std::byte>() : std::span<const std::byte>(payload),
         .raw_size = block ? kBlock : 0});
    absl::StatusOr<Envelope> read = decode_envelope(made);
    check(read.ok(), "an envelope is not read by who made it");
    size = block ? made.size() : static_cast<size_t>(read->payload.data() - made.data());
    check(Framing::kLength + size <= Framing::kMostHead, "the head of an envelope has grown");
    std::memcpy(bytes, made.data(), size);
    if (block) {
      auto* end = bytes + size;
      auto* found = std::search(bytes, end, reinterpret_cast<const std::byte*>(&kBlock),
                                reinterpret_cast<const std::byte*>(&kBlock + 1));
      check(found != end, "an envelope hides its numbers");
      number = static_cast<size_t>(found - bytes);
    } else {
      // A vector's length stands right before it.
      number = size - sizeof(uint32_t);
    }
  }
  alignas(16) std::byte bytes[Framing::kMostHead];
  size_t size;
  size_t number;  // where the length, or the size of the block, is
};

class MpFraming final : public Framing {
 public:
  Head head(Content content, uint64_t payload) const override {
    static const Template value(Content::kValue, false);
    static const Template raw(Content::kRaw, false);
    static const Template block(Content::kRawFollows, true);
    Head head;
    head.apart = payload > kMostInside;
    const Template& t = head.apart ? block : content == Content::kValue ? value : raw;
    check(!head.apart || content == Content::kRaw, "a value over 1 GiB");
    uint64_t body = t.size + (head.apart ? 0 : payload);
    store32(head.bytes.data(), body);
    std::memcpy(head.bytes.data() + kLength, t.bytes, t.size);
    if (head.apart) {
      std::memcpy(head.bytes.data() + kLength + t.number, &payload, sizeof payload);
    } else {
      store32(head.bytes.data() + kLength + t.number, payload);
    }
    head.size = kLength + t.size;
    return head;
  }

  Length read_length(std::span<const std::byte, kLength> bytes) const override {
    uint32_t length;
    std::memcpy(&length, bytes.data(), sizeof length);
    return {length, 0};
  }
  uint64_t most_body(uint64_t payload) const override {
    return std::min(payload, kMostInside) + kMostHead;
  }
  absl::StatusOr<Envelope> read_body(std::span<const std::byte> body) const override {
    absl::StatusOr<Envelope> envelope = decode_envelope(body);
    if (!envelope.ok()) {
      return envelope;
    }
    if (envelope->descriptors != 0) {
      return bad("mp: bad frame: it announces file descriptors");
    }
    if (envelope->content != Content::kValue && envelope->content != Content::kRaw &&
        envelope->content != Content::kRawFollows) {
      return bad("mp: bad frame: it is not for a connection");
    }
    return envelope;
  }

 private:
  // A FlatBuffer ends at 2 GiB.
  static constexpr uint64_t kMostInside = uint64_t{1} << 30;
};

const MpFraming g_mp;
const Framing* g_framings[2] = {&g_mp, nullptr};

}  // namespace

uint64_t Framing::read_more_length(std::span<const std::byte>) const { return 0; }

const Framing& Framing::of(Id id) {
  const Framing* framing = g_framings[static_cast<size_t>(id)];
  check(framing != nullptr, "a connection of a kind that this program does not know");
  return *framing;
}

void Framing::set(Id id, const Framing* framing) noexcept {
  g_framings[static_cast<size_t>(id)] = framing;
}

bool FrameBuffer::grow(size_t size) noexcept {
  // What malloc gives is 16-aligned; large blocks move without being copied.
  void* grown = std::realloc(data_, size);
  if (grown == nullptr) {
    return false;
  }
  data_ = static_cast<std::byte*>(grown);
  size_ = size;
  return true;
}

namespace {
// The largest that a thread keeps: for a mebibyte and what stands around it.
constexpr size_t kKeep = (size_t{1} << 20) + 4096;
thread_local FrameBuffer t_kept;
}  // namespace

FrameBuffer FrameBuffer::borrow() noexcept { return std::exchange(t_kept, FrameBuffer()); }

void FrameBuffer::give_back() noexcept {
  if (size_ > t_kept.size_ && size_ <= kKeep) {
    std::swap(data_, t_kept.data_);
    std::swap(size_, t_kept.size_);
  }
}

absl::Status Incoming::begin(const Terms& terms) {
  terms_ = terms;
  stage_ = Stage::kLength;
  begin_ = filled_ = kBodyAt - Framing::kLength;
  want_ = kBodyAt;
  parts_ = 0;
  content_ = Content::kUnknown;
  payload_ = {};
  return make_room();
}

absl::Status Incoming::look_ahead(std::span<const std::byte> bytes) {
  bool whole = stage_ == Stage::kLength && filled_ == begin_ && bytes.size() == Framing::kLength;
  // More of a length would stand where these bytes are to be read to.
  return whole && terms_.framing->read_length(bytes.first<Framing::kLength>()).more == 0
             ? read_length(bytes)
             : absl::OkStatus();
}

absl::Status Incoming::received(size_t count) {
  check(count <= room().size(), "more of a message was received than it has room for");
  filled_ += count;
  while (filled_ == want_ && stage_ != Stage::kWhole) {
    if (absl::Status s = end_of_stage(); !s.ok()) {
      return s;
    }
  }
  return stage_ == Stage::kWhole ? absl::OkStatus() : make_room();
}

absl::Status Incoming::end_of_stage() {
  std::span<const std::byte> length(buffer_.data() + begin_, kBodyAt - begin_);
  switch (stage_) {
    case Stage::kLength:
      return read_length(length);
    case Stage::kMoreLength:
      return expect_body(terms_.framing->read_more_length(length));
    case Stage::kBody:
      return end_of_body();
    case Stage::kBlock:
      return end_of_block();
    case Stage::kWhole:
      break;
  }
  return absl::OkStatus();
}

absl::Status Incoming::read_length(std::span<const std::byte> bytes) {
  Framing::Length length = terms_.framing->read_length(bytes.first<Framing::kLength>());
  if (length.more == 0) {
    return expect_body(length.body);
  }
  check(length.more <= kBodyAt - Framing::kLength, "a length is too long");
  // The body is to come right after the rest of it.
  stage_ = Stage::kMoreLength;
  size_t begin = kBodyAt - length.more - Framing::kLength;
  std::memmove(buffer_.data() + begin, bytes.data(), Framing::kLength);
  begin_ = begin;
  filled_ = begin + Framing::kLength;
  want_ = kBodyAt;
  return absl::OkStatus();
}

absl::Status Incoming::expect_body(uint64_t size) {
  if (size > terms_.framing->most_body(terms_.max_frame)) {
    return OSError("bad message length").status();
  }
  stage_ = Stage::kBody;
  want_ = kBodyAt + size + tag_size();
  return make_room();
}

absl::Status Incoming::end_of_body() {
  if (absl::Status s = check_tag(); !s.ok()) {
    return s;
  }
  size_t size = filled_ - tag_size() - kBodyAt;
  absl::StatusOr<Envelope> envelope = terms_.framing->read_body({buffer_.data() + kBodyAt, size});
  if (!envelope.ok()) {
    return envelope.status();
  }
  content_ = envelope->content;
  payload_ = envelope->payload;
  if (content_ != Content::kRawFollows) {
    stage_ = Stage::kWhole;
    return absl::OkStatus();
  }
  if (envelope->raw_size > terms_.max_frame) {
    return OSError("bad message length").status();
  }
  stage_ = Stage::kBlock;
  begin_ = filled_ = kBodyAt;
  want_ = kBodyAt + envelope->raw_size + tag_size();
  return make_room();
}

absl::Status Incoming::end_of_block() {
  if (absl::Status s = check_tag(); !s.ok()) {
    return s;
  }
  content_ = Content::kRaw;
  payload_ = {buffer_.data() + kBodyAt, filled_ - tag_size() - kBodyAt};
  stage_ = Stage::kWhole;
  return absl::OkStatus();
}

absl::Status Incoming::check_tag() {
  uint64_t number = terms_.count + parts_++;
  if (terms_.key == nullptr) {
    return absl::OkStatus();
  }
  std::span<const std::byte> part(buffer_.data() + begin_, filled_ - kTagSize - begin_);
  SealTag tag = g_tag_frame(*terms_.key, number, part, {});
  if (!equal_digests({buffer_.data() + filled_ - kTagSize, kTagSize}, tag)) {
    return AuthenticationError(
               "mp: Connection: a message was changed, repeated or left out on its way")
        .status();
  }
  return absl::OkStatus();
}

absl::Status Incoming::make_room() {
  if (buffer_.size() < want_ && (filled_ == buffer_.size() || buffer_.size() < kFirstRoom)) {
    uint64_t size = std::max<uint64_t>(kFirstRoom, std::min<uint64_t>(2 * buffer_.size(), want_));
    if (!buffer_.grow(size)) {
      return memory_error("mp: Connection: no memory for a message of that size");
    }
  }
  end_ = static_cast<size_t>(std::min<uint64_t>(want_, buffer_.size()));
  return absl::OkStatus();
}

}  // namespace mp::internal
