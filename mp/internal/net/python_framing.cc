#include "mp/internal/net/python_framing.h"

#include <algorithm>

namespace mp::internal {
namespace {

constexpr uint64_t kMostShort = 0x7fffffff;
constexpr uint32_t kLongFollows = 0xffffffff;

uint64_t load_big_endian(std::span<const std::byte> bytes) noexcept {
  uint64_t v = 0;
  for (std::byte b : bytes) {
    v = v << 8 | std::to_integer<uint64_t>(b);
  }
  return v;
}

void store_big_endian(std::span<std::byte> out, uint64_t v) noexcept {
  for (size_t i = out.size(); i-- > 0; v >>= 8) {
    out[i] = static_cast<std::byte>(v);
  }
}

class PythonFraming final : public Framing {
 public:
  Head head(Content, uint64_t payload) const override {
    Head head;
    std::span<std::byte> out(head.bytes);
    if (payload <= kMostShort) {
      store_big_endian(out.first(kLength), payload);
      head.size = kLength;
    } else {
      store_big_endian(out.first(kLength), kLongFollows);
      store_big_endian(out.subspan(kLength, kPythonLongLength), payload);
      head.size = kLength + kPythonLongLength;
    }
    return head;
  }
  Length read_length(std::span<const std::byte, kLength> bytes) const override {
    return read_python_length(bytes);
  }
  uint64_t read_more_length(std::span<const std::byte> bytes) const override {
    return read_python_long_length(bytes.last<kPythonLongLength>());
  }
  uint64_t most_body(uint64_t payload) const override {
    return std::min(payload, kPythonBadLength - 1);
  }
  absl::StatusOr<Envelope> read_body(std::span<const std::byte> body) const override {
    return Envelope{.content = Content::kRaw, .payload = body};
  }
};

const PythonFraming g_python;

[[maybe_unused]] const bool g_registered = (Framing::set(Framing::Id::kPython, &g_python), true);

}  // namespace

Framing::Length read_python_length(std::span<const std::byte, Framing::kLength> bytes) noexcept {
  uint64_t length = load_big_endian(bytes);
  if (length == kLongFollows) {
    return {0, kPythonLongLength};
  }
  return {length > kMostShort ? kPythonBadLength : length, 0};
}

uint64_t read_python_long_length(std::span<const std::byte, kPythonLongLength> bytes) noexcept {
  return load_big_endian(bytes);
}

const Framing& python_framing() noexcept { return g_python; }

}  // namespace mp::internal
