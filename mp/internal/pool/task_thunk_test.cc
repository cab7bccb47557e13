// What errors say of values that could not be sent.

#include "mp/internal/pool/task_thunk.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace mp::internal {
namespace {

struct Shown {
  std::string text;
};
std::ostream& operator<<(std::ostream& out, const Shown& s) { return out << s.text; }
struct Mute {};

// `n` characters of three bytes.
std::string euros(size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) {
    text += "\u20ac";
  }
  return text;
}

TEST(Printed, IsTheWholeTextIfThatIsShort) {
  EXPECT_EQ(printed(std::string("it's")), "\"it's\"");
  EXPECT_EQ(printed(Shown{"seven"}), "seven");
  EXPECT_NE(printed(Mute()).find("Mute object>"), std::string::npos);
}

TEST(Printed, IsCutBetweenCharacters) {
  for (size_t before = 0; before < 3; ++before) {
    const std::string some(before, 'x');
    // 1024 bytes at most, of which the quote is one.
    EXPECT_EQ(printed(Shown{some + euros(1000)}), some + euros((1024 - before) / 3) + "...");
    EXPECT_EQ(printed(some + euros(1000)), "'" + some + euros((1023 - before) / 3) + "...");
  }
}

TEST(Printed, IsCutAnywhereInWhatIsNotText) {
  const std::string bytes(2000, '\x80');
  EXPECT_EQ(beginning_of(bytes, 1024).size(), 1021u);
  EXPECT_EQ(printed(bytes).size(), 1024u + 3);
}

}  // namespace
}  // namespace mp::internal
