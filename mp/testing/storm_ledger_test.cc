#include "mp/testing/storm_ledger.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "mp/testing/storm_message.h"

namespace mp::testing {
namespace {

constexpr uint64_t kSeed = 7;
constexpr uint32_t kMost = 10;

uint32_t size_of(uint32_t index) { return 8 + index; }
std::string message(uint32_t index) {
  std::string text;
  make_message(kSeed, index, size_of(index), &text);
  return text;
}
uint32_t identified(const std::string& text) { return identify(kSeed, kMost, text, size_of); }

TEST(StormLedger, KnowsEachMessageByItsBytes) {
  for (uint32_t index = 0; index < kMost; ++index) {
    EXPECT_EQ(identified(message(index)), index);
  }
  EXPECT_EQ(identified(last_message()), uint32_t{kCameEnd});
}

TEST(StormLedger, SaysWhyItIsNone) {
  EXPECT_EQ(identified(""), uint32_t{kCameEmpty});
  for (std::string torn : {message(3).substr(0, 2), message(3).substr(0, 10), message(3) + "x",
                           message(kMost), last_message() + "x"}) {
    EXPECT_EQ(identified(torn), uint32_t{kCameTorn});
  }
  std::string changed = message(3);
  changed.back() = static_cast<char>(changed.back() ^ 1);
  EXPECT_EQ(identified(changed), uint32_t{kCameTorn});
}

}  // namespace
}  // namespace mp::testing
