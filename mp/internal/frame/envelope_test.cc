#include "mp/internal/frame/envelope.h"

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mp/internal/frame/message.h"
#include "mp/internal/frame/verify.h"

namespace mp::internal {
namespace {

std::span<const std::byte> as_bytes(const std::string& s) {
  return std::as_bytes(std::span<const char>(s));
}

TEST(Envelope, RoundTrips) {
  std::string payload = "payload";
  std::vector<std::byte> bytes =
      encode_envelope({Content::kCall, 77, as_bytes(payload), uint64_t{1} << 33, 2});
  auto got = decode_envelope(bytes);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->content, Content::kCall);
  EXPECT_EQ(got->request, 77u);
  EXPECT_EQ(std::memcmp(got->payload.data(), "payload", 7), 0);
  EXPECT_EQ(got->payload.size(), 7u);
  EXPECT_EQ(got->raw_size, uint64_t{1} << 33);
  EXPECT_EQ(got->descriptors, 2u);
  bytes = encode_envelope({Content::kClose, 0, {}, 0, 0});
  got = decode_envelope(bytes);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->payload.empty());
}

TEST(Envelope, AValueInItIsReadInPlace) {
  Encoder e;
  encode_message(e, std::vector<double>{1, 2, 3});
  std::vector<std::byte> bytes = encode_envelope({Content::kValue, 0, e.message(), 0, 0});
  auto got = decode_envelope(bytes);
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(verify(got->payload), absl::OkStatus());
  EXPECT_EQ(decode_message<std::vector<double>>(got->payload), (std::vector<double>{1, 2, 3}));
}

TEST(Envelope, RefusesWhatIsNone) {
  std::vector<std::byte> bytes = encode_envelope({Content::kRaw, 1, as_bytes("xyz"), 0, 0});
  for (size_t n = 0; n < bytes.size(); ++n) {
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
    auto got = decode_envelope(cut);
    EXPECT_TRUE(!got.ok() || got->payload.size() <= 3);
  }
  EXPECT_FALSE(decode_envelope(encode_envelope({})).ok());
  EXPECT_FALSE(decode_envelope(encode_envelope({static_cast<Content>(99), 0, {}, 0, 0})).ok());
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::byte> flipped = bytes;
      flipped[i] ^= std::byte(1 << bit);
      auto got = decode_envelope(flipped);
      if (got.ok()) {
        std::string touch(reinterpret_cast<const char*>(got->payload.data()), got->payload.size());
      }
    }
  }
}

}  // namespace
}  // namespace mp::internal
