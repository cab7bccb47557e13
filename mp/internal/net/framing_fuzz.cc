// Any bytes, cut anyhow, as messages of mp's own protocol: the same come out however the stream is cut; no memory is taken for what
// has only been announced; with a key nothing comes out that was not sent.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mp/internal/net/crypto.h"
#include "mp/internal/net/framing.h"
#include "tools/fuzz/pieces.h"

namespace {

using namespace mp::internal;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Result {
  std::vector<std::string> messages;
  size_t left = 0;
  bool bad = false;
  bool operator==(const Result&) const = default;
};

Result receive(std::string_view stream, uint64_t most, const SealKey* key,
               mp::testing::Pieces pieces) {
  Result result;
  for (uint64_t number = 0;;) {
    // The memory of the message before.
    FrameBuffer::borrow();
    Incoming message;
    size_t taken = 0;
    absl::Status s = message.begin({&Framing::of(Framing::Id::kMp), most, key, number});
    while (s.ok() && !message.whole() && !stream.empty()) {
      require(!message.room().empty() && message.room().size() <= Incoming::kFirstRoom + taken);
      size_t count = pieces.move(stream, message.room());
      taken += count;
      s = message.received(count);
    }
    result.bad = !s.ok();
    result.left = result.bad ? 0 : stream.size();
    if (!s.ok() || !message.whole()) {
      return result;
    }
    require(message.payload().size() <= most + Framing::kMostHead);
    require(reinterpret_cast<uintptr_t>(message.payload().data()) % 16 == 0 ||
            message.payload().empty());
    number += message.parts();
    result.messages.emplace_back(text(message.payload()));
  }
}

// As SocketEnd sends it.
std::string frame(Content content, std::string_view payload, const SealKey* key, uint64_t number) {
  auto bytes = std::as_bytes(std::span(payload));
  Framing::Head head = Framing::of(Framing::Id::kMp).head(content, payload.size());
  std::string out = std::string(text(head.span())) + std::string(payload);
  if (key != nullptr) {
    std::byte count[8] = {static_cast<std::byte>(number)};
    out += text(hmac_sha256(*key, {count, head.span(), bytes}));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mp::testing::Input input(data, size);
  static constexpr uint64_t kMost[] = {0, 16, 1000, 1 << 20, uint64_t{1} << 40};
  static constexpr SealKey kKey = {std::byte{7}};
  uint8_t mode = input.byte();
  uint64_t most = kMost[mode / 4 % 5];
  const SealKey* key = mode % 2 == 1 ? &kKey : nullptr;
  mp::testing::Pieces pieces(input);
  mp::testing::Input none(nullptr, 0), all(reinterpret_cast<const uint8_t*>("\xff\xff"), 2);
  if (mode / 2 % 2 == 0) {
    // Made by a stranger.
    Result result = receive(input.rest(), most, key, pieces);
    require(result == receive(input.rest(), most, key, mp::testing::Pieces(none)));
    require(result == receive(input.rest(), most, key, mp::testing::Pieces(all)));
    require(key == nullptr || result.messages.empty());
    return 0;
  }
  // Sent by us, and one byte changed on the way.
  uint8_t bits = input.byte();
  size_t at = input.number();
  std::string_view rest = input.rest();
  std::string_view first = rest.substr(0, rest.size() / 2), second = rest.substr(rest.size() / 2);
  std::string one = frame(Content::kRaw, first, key, 0);
  std::string both = one + frame(Content::kValue, second, key, 1);
  bool changed = bits != 0 && at < both.size();
  if (changed) {
    both[at] = static_cast<char>(both[at] ^ bits);
  }
  Result result = receive(both, uint64_t{1} << 20, key, pieces);
  if (!changed) {
    require(!result.bad && result.left == 0 && result.messages.size() == 2 &&
            result.messages[0] == first && result.messages[1] == second);
  } else if (key != nullptr) {
    require(result.messages.size() == (at < one.size() ? 0 : 1));
  }
  return 0;
}
