#include "mp/bytes.h"

#include <sstream>
#include <unordered_set>
#include <vector>

#include "gtest/gtest.h"

namespace mp {
namespace {

TEST(Bytes, PrintsAsPython) {
  std::ostringstream out;
  out << Bytes("\x00\xff", 2) << Bytes() << Bytes("it's", 4);
  EXPECT_EQ(out.str(), "b'\\x00\\xff'b''b\"it's\"");
  EXPECT_EQ(repr(Bytes("a\"'\\\n", 5)), "b'a\"\\'\\\\\\n'");
}

TEST(Bytes, ComparesByteByByte) {
  EXPECT_EQ(Bytes("ab", 2), Bytes(std::string_view("ab")));
  EXPECT_LT(Bytes("a", 1), Bytes("ab", 2));
  EXPECT_LT(Bytes("a", 1), Bytes("\xff", 1));
  EXPECT_NE(Bytes("a", 1), Bytes("b", 1));
  EXPECT_EQ((std::unordered_set<Bytes>{Bytes("a", 1), Bytes("a", 1)}).size(), 1u);
}

TEST(Bytes, IsARangeThatCanBeChanged) {
  std::vector<std::byte> from{std::byte{1}, std::byte{2}};
  Bytes b(from);
  b.push_back(std::byte{3});
  b.append("x", 1);
  b[0] = std::byte{9};
  int sum = 0;
  for (std::byte x : b) {
    sum += static_cast<int>(x);
  }
  EXPECT_EQ(sum, 9 + 2 + 3 + 'x');
  EXPECT_EQ(Bytes::zeros(3), Bytes("\0\0\0", 3));
  EXPECT_EQ(std::move(b).take(), "\x09\x02\x03x");
}

}  // namespace
}  // namespace mp
