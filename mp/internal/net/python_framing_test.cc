#include "mp/internal/net/python_framing.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "mp/errors.h"

namespace mp::internal {
namespace {

using namespace std::string_literals;

std::string head_of(uint64_t size) {
  Framing::Head head = python_framing().head(Content::kRaw, size);
  EXPECT_FALSE(head.apart);
  return {reinterpret_cast<const char*>(head.bytes.data()), head.size};
}

// Gives `stream` to a message in pieces of at most `step` bytes; returns what of it is left.
absl::Status receive(Incoming& message, std::string_view& stream, uint64_t max_frame, size_t step) {
  absl::Status s = message.begin({&Framing::of(Framing::Id::kPython), max_frame, nullptr, 0});
  while (s.ok() && !message.whole() && !stream.empty()) {
    std::span<std::byte> room = message.room();
    EXPECT_FALSE(room.empty());
    size_t count = std::min({room.size(), step, stream.size()});
    std::copy_n(reinterpret_cast<const std::byte*>(stream.data()), count, room.begin());
    stream.remove_prefix(count);
    s = message.received(count);
  }
  return s;
}

std::string payload_of(const Incoming& message) {
  return {reinterpret_cast<const char*>(message.payload().data()), message.payload().size()};
}

TEST(PythonFraming, LengthsAreFourBytesAndTwelveAboveTwoGibibytes) {
  EXPECT_EQ(head_of(0), "\0\0\0\0"s);
  EXPECT_EQ(head_of(0x0102), "\0\0\1\2"s);
  EXPECT_EQ(head_of(0x7fffffff), "\x7f\xff\xff\xff"s);
  EXPECT_EQ(head_of(0x80000000), "\xff\xff\xff\xff\0\0\0\0\x80\0\0\0"s);
  EXPECT_EQ(head_of(0x0102030405060708), "\xff\xff\xff\xff\1\2\3\4\5\6\7\x08"s);
}

TEST(PythonFraming, MessagesComeBackHoweverTheStreamIsCut) {
  const std::vector<std::string> messages = {"", "a", std::string(70000, 'x'), "", "last"};
  std::string stream;
  for (const std::string& m : messages) {
    stream += head_of(m.size()) + m;
  }
  // The long form may announce a short message.
  stream += "\xff\xff\xff\xff\0\0\0\0\0\0\0\3abc"s;
  for (size_t step : {1, 2, 3, 5, 1000, 1 << 20}) {
    std::string_view left = stream;
    for (std::string expected :
         {messages[0], messages[1], messages[2], messages[3], messages[4], "abc"s}) {
      Incoming message;
      ASSERT_TRUE(receive(message, left, 1 << 20, step).ok());
      ASSERT_TRUE(message.whole());
      EXPECT_EQ(message.content(), Content::kRaw);
      EXPECT_EQ(payload_of(message), expected);
      EXPECT_EQ(message.parts(), 1u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(message.payload().data()) % 16, 0u);
    }
    EXPECT_TRUE(left.empty());
  }
}

TEST(PythonFraming, AMessageHasAtMostTheLengthThatIsAllowed) {
  for (const std::string& form : {"\0\0\0\x64"s, "\xff\xff\xff\xff\0\0\0\0\0\0\0\x64"s}) {
    std::string stream = form + std::string(100, 'x');
    Incoming fits, too_long;
    std::string_view left = stream;
    EXPECT_TRUE(receive(fits, left, 100, 7).ok());
    EXPECT_TRUE(fits.whole());
    left = stream;
    absl::Status s = receive(too_long, left, 99, 7);
    EXPECT_EQ(s.message(), OSError("bad message length").status().message());
    EXPECT_FALSE(too_long.whole());
  }
}

TEST(PythonFraming, AHugeLengthIsRefusedBeforeMemoryIsTaken) {
  std::vector<std::string> heads;
  for (int bit = 7; bit < 32; ++bit) {
    for (int64_t around : {-1, 0, 1}) {
      uint32_t length = static_cast<uint32_t>((int64_t{1} << bit) + around);
      if (length > 128) {
        std::string head(4, '\0');
        for (int i = 0; i < 4; ++i) head[i] = static_cast<char>(length >> (24 - 8 * i));
        if (head != "\xff\xff\xff\xff") heads.push_back(head);
      }
    }
  }
  for (int bit = 7; bit < 64; ++bit) {
    std::string head = "\xff\xff\xff\xff\0\0\0\0\0\0\0\0"s;
    head[4 + 7 - bit / 8] = static_cast<char>(1 << bit % 8);
    head[11] = static_cast<char>(head[11] | 1);
    heads.push_back(head);
  }
  heads.push_back(std::string(12, '\xff'));
  for (const std::string& head : heads) {
    Incoming message;
    std::string_view left = head;
    absl::Status s = receive(message, left, 128, 1);
    EXPECT_EQ(s.message(), OSError("bad message length").status().message())
        << testing::PrintToString(head);
    EXPECT_TRUE(left.empty());
  }
}

TEST(PythonFraming, NegativeLengthsAreNoLengthsWhateverIsAllowed) {
  for (std::string head : {"\xff\xff\xff\xfe"s, "\x80\0\0\0"s, std::string(12, '\xff')}) {
    Incoming message;
    std::string_view left = head;
    EXPECT_FALSE(receive(message, left, ~uint64_t{0}, 4).ok());
  }
}

TEST(PythonFraming, ALongMessageGetsMemoryAsItComes) {
  Incoming message;
  std::string stream = "\x40\0\0\0"s + std::string(4096, 'x');
  std::string_view left = stream;
  ASSERT_TRUE(receive(message, left, uint64_t{1} << 30, 512).ok());
  EXPECT_FALSE(message.whole());
  // What this thread has kept of earlier messages may be more than the first room.
  EXPECT_LE(message.room().size(), size_t{1} << 20);
}

}  // namespace
}  // namespace mp::internal
