// Frames as bytes: what comes whole, what is changed on its way, and what announces more than it sends.

#include "mp/internal/net/framing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "mp/internal/base/sanitizer.h"
#include "mp/internal/net/crypto.h"

namespace mp::internal {
namespace {

const Framing& mp_framing() { return Framing::of(Framing::Id::kMp); }

SealKey key_of(char c) {
  SealKey key;
  key.fill(static_cast<std::byte>(c));
  return key;
}

// A message as it is written; `number` counts its parts.
std::string frame(std::string_view payload, Content content = Content::kRaw,
                  const SealKey* key = nullptr, uint64_t number = 0) {
  Framing::Head head = mp_framing().head(content, payload.size());
  std::string out(reinterpret_cast<const char*>(head.bytes.data()), head.size);
  std::span<const std::byte> body = std::as_bytes(std::span(payload));
  out += payload;
  if (key != nullptr) {
    // Linked, and so registered, because of this call.
    EXPECT_NE(sha256(*key), *key);
    SealTag tag = g_tag_frame(*key, number, head.span(), body);
    out.append(reinterpret_cast<const char*>(tag.data()), tag.size());
  }
  return out;
}

void begin(Incoming& message, uint64_t max_frame) {
  ASSERT_TRUE(
      message.begin({.framing = &mp_framing(), .max_frame = max_frame, .key = nullptr, .count = 0})
          .ok());
}

// Gives bytes of a stream to a message; false: refused. `*taken`: how many it took.
bool read(Incoming& message, std::string_view stream, size_t step, size_t* taken,
          bool ahead = false) {
  *taken = 0;
  if (ahead && !message.look_ahead(std::as_bytes(std::span(stream.substr(0, 4)))).ok()) {
    return false;
  }
  while (!message.whole() && *taken < stream.size()) {
    size_t n = std::min({message.room().size(), stream.size() - *taken, step});
    EXPECT_NE(n, 0u) << "no room, and not whole";
    std::memcpy(message.room().data(), stream.data() + *taken, n);
    *taken += n;
    if (!message.received(n).ok()) {
      return false;
    }
  }
  return true;
}

std::string payload_of(const Incoming& message) {
  return {reinterpret_cast<const char*>(message.payload().data()), message.payload().size()};
}

TEST(Framing, WhatIsWrittenIsReadWhateverThePieces) {
  const SealKey key = key_of('k');
  for (const SealKey* seal : {static_cast<const SealKey*>(nullptr), &key}) {
    for (size_t size : {0u, 1u, 2u, 3u, 4u, 5u, 15u, 16u, 17u, 1000u, 65'000u, 65'536u, 300'000u}) {
      std::string payload(size, '\0');
      for (size_t i = 0; i < size; ++i) {
        payload[i] = static_cast<char>(i * 7);
      }
      std::string stream = frame(payload, Content::kRaw, seal, 5);
      for (size_t step : {size_t{1}, size_t{3}, size_t{4096}, stream.size()}) {
        if (step == 1 && size > 1000) {
          continue;
        }
        for (bool ahead : {false, true}) {
          Incoming message;
          ASSERT_TRUE(
              message.begin({.framing = &mp_framing(), .max_frame = size, .key = seal, .count = 5})
                  .ok());
          size_t taken = 0;
          ASSERT_TRUE(read(message, stream + "the next", step, &taken, ahead));
          ASSERT_TRUE(message.whole());
          EXPECT_EQ(taken, stream.size()) << "bytes of the next message were taken";
          EXPECT_EQ(payload_of(message), payload);
          EXPECT_EQ(message.content(), Content::kRaw);
          EXPECT_EQ(message.parts(), 1u);
          EXPECT_EQ(reinterpret_cast<uintptr_t>(message.payload().data()) % 16, 0u);
        }
      }
    }
  }
}

TEST(Framing, OneByteMoreThanTheLimitIsTooMuch) {
  std::string stream = frame(std::string(2000, 'x'));
  Incoming message;
  size_t taken = 0;
  begin(message, 1000);
  EXPECT_FALSE(read(message, stream, 1, &taken));
  EXPECT_EQ(taken, Framing::kLength) << "more was read than the length";
}

// A frame that was sealed, and what comes of each change on its way.
class Sealed : public ::testing::Test {
 protected:
  bool accepts(std::string_view stream, uint64_t count = 0) {
    Incoming message;
    EXPECT_TRUE(
        message
            .begin({.framing = &mp_framing(), .max_frame = 1 << 20, .key = &key_, .count = count})
            .ok());
    size_t taken = 0;
    return read(message, stream, ~size_t{0}, &taken) && message.whole();
  }
  const SealKey key_ = key_of('k');
};

TEST_F(Sealed, NoBitCanBeChanged) {
  const std::string stream = frame("some payload", Content::kRaw, &key_, 0);
  ASSERT_TRUE(accepts(stream));
  for (size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    std::string changed = stream;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(accepts(changed + std::string(1 << 21, 'x'))) << bit;
  }
}

TEST_F(Sealed, NothingIsRepeatedLeftOutInsertedOrMoved) {
  const std::string first = frame("one", Content::kRaw, &key_, 0);
  const std::string second = frame("two", Content::kRaw, &key_, 1);
  EXPECT_TRUE(accepts(first, 0));
  EXPECT_TRUE(accepts(second, 1));
  EXPECT_FALSE(accepts(first, 1)) << "repeated";
  EXPECT_FALSE(accepts(second, 0)) << "out of order, or one was left out";
  EXPECT_FALSE(accepts(frame("three", Content::kRaw, nullptr) + std::string(32, 'x'), 1));
  const SealKey other_direction = key_of('o');
  EXPECT_FALSE(accepts(frame("one", Content::kRaw, &other_direction, 0))) << "reflected";
}

// Of a million frames, or a tenth of it with a sanitizer.
constexpr int kManyFrames = kAddressSanitizer || kThreadSanitizer ? 100'000 : 1'000'000;

TEST_F(Sealed, ChangedFramesAreRefusedAMillionTimes) {
  std::mt19937_64 random(1);
  const std::string stream = frame("payload", Content::kRaw, &key_, 0);
  int accepted = 0;
  for (int i = 0; i < kManyFrames; ++i) {
    std::string changed = stream;
    size_t at = random() % changed.size();
    switch (i % 4) {
      case 0:
        changed[at] = static_cast<char>(changed[at] ^ (1 + random() % 255));
        break;
      case 1:
        changed.erase(at, 1 + random() % 8);
        break;
      case 2:
        // Another byte than the next: else it may be the same frame.
        changed.insert(at, 1, static_cast<char>(changed[at] + 1));
        break;
      case 3:
        std::rotate(changed.begin(), changed.begin() + static_cast<long>(1 + random() % 60),
                    changed.end());
        break;
    }
    accepted += accepts(changed) ? 1 : 0;
  }
  EXPECT_EQ(accepted, 0);
}

// Who passes a stream on, and does something to it now and then. What is taken is what was sent, in its order, from the beginning.
struct Passed {
  int frames = 0;     // sent
  int taken = 0;      // as they were sent
  int wrong = 0;      // taken as what they are not
  int spoiled = 0;    // streams in which something was done
  int unnoticed = 0;  // spoiled, and yet everything was taken
};
Passed pass_on(int frames) {
  constexpr int kFrames = 20;
  std::mt19937_64 random(7);
  const SealKey key = key_of('k');
  const SealKey back = key_of('b');
  Passed passed;
  std::vector<std::string> sent;
  for (; passed.frames < frames; passed.frames += kFrames) {
    sent.clear();
    for (uint64_t i = 0; i < kFrames; ++i) {
      sent.push_back(frame("payload " + std::to_string(i), Content::kRaw, &key, i));
    }
    std::vector<std::string> stream = sent;
    const size_t at = random() % kFrames;
    const size_t other = (at + 1 + random() % (kFrames - 1)) % kFrames;
    switch (random() % 6) {
      case 0:
        // A bit.
        stream[at][random() % stream[at].size()] ^= static_cast<char>(1 << random() % 8);
        break;
      case 1:
        // Left out; of the last nobody could know.
        stream.erase(stream.begin() + static_cast<long>(at % (kFrames - 1)));
        break;
      case 2:
        // Repeated.
        stream.insert(stream.begin() + static_cast<long>(at), stream[other]);
        break;
      case 3:
        // In another order.
        std::swap(stream[at], stream[other]);
        break;
      case 4:
        // One that goes the other way.
        stream[at] = frame("answer " + std::to_string(at), Content::kRaw, &back, at);
        break;
      case 5:
        // Nothing.
        break;
    }
    const bool spoiled = stream != sent;
    passed.spoiled += spoiled ? 1 : 0;
    std::string all;
    for (const std::string& f : stream) {
      all += f;
    }
    size_t done = 0;
    uint64_t number = 0;
    int taken = 0;
    while (done < all.size()) {
      Incoming message;
      EXPECT_TRUE(
          message
              .begin({.framing = &mp_framing(), .max_frame = 1 << 10, .key = &key, .count = number})
              .ok());
      size_t used = 0;
      if (!read(message, std::string_view(all).substr(done), ~size_t{0}, &used) ||
          !message.whole()) {
        break;
      }
      done += used;
      if (number < kFrames && payload_of(message) == "payload " + std::to_string(number)) {
        ++taken;
      } else {
        ++passed.wrong;
      }
      ++number;
    }
    passed.taken += taken;
    passed.unnoticed += spoiled && done == all.size() ? 1 : 0;
    EXPECT_TRUE(spoiled || taken == kFrames) << "an honest stream was refused";
  }
  return passed;
}

TEST(Framing, OfAMillionFramesThatArePassedOnNoneIsTakenForWhatItIsNot) {
  const Passed passed = pass_on(kManyFrames);
  std::printf("%d frames: %d taken, %d wrong; %d streams spoiled, %d unnoticed\n", passed.frames,
              passed.taken, passed.wrong, passed.spoiled, passed.unnoticed);
  EXPECT_EQ(passed.wrong, 0);
  EXPECT_EQ(passed.unnoticed, 0);
  EXPECT_GT(passed.spoiled, passed.frames / 20 / 2);
  EXPECT_GT(passed.taken, passed.frames / 4);
}

// Planted: a tag that is not over the frame's number, one that is not over its bytes, and one that is not under the key.
TEST(Framing, ATagThatLeavesSomethingOutIsSeen) {
  static TagFrame whole;
  whole = g_tag_frame;
  ASSERT_NE(whole, nullptr);
  const TagFrame planted[] = {
      [](const SealKey& key, uint64_t, std::span<const std::byte> head,
         std::span<const std::byte> body) { return whole(key, 0, head, body); },
      [](const SealKey& key, uint64_t count, std::span<const std::byte>,
         std::span<const std::byte>) { return whole(key, count, {}, {}); },
      [](const SealKey&, uint64_t count, std::span<const std::byte> head,
         std::span<const std::byte> body) { return whole(SealKey{}, count, head, body); },
  };
  for (const TagFrame& tag : planted) {
    g_tag_frame = tag;
    const Passed passed = pass_on(10'000);
    EXPECT_GT(passed.wrong + passed.unnoticed, 0) << &tag - planted;
  }
  g_tag_frame = whole;
}

// Lengths around each power of two, and nothing after them: memory follows what comes.
void announce_much() {
  for (int k = 0; k <= 32; ++k) {
    for (int64_t delta : {-1, 0, 1}) {
      uint64_t length = (uint64_t{1} << k) + static_cast<uint64_t>(delta);
      if (length > 0xffffffff) {
        continue;
      }
      char head[4];
      std::memcpy(head, &length, 4);
      Incoming message;
      begin(message, ~uint64_t{0} >> 8);
      size_t taken = 0;
      read(message, std::string_view(head, 4), 4, &taken);
      EXPECT_LE(message.memory(), Incoming::kFirstRoom) << length;
    }
  }
  // What comes may cost twice itself.
  std::string stream = frame(std::string(10 << 20, 'x'));
  Incoming message;
  begin(message, 64 << 20);
  size_t all = 0;
  while (!message.whole()) {
    size_t n = std::min<size_t>(message.room().size(), 1000);
    std::memcpy(message.room().data(), stream.data() + all, n);
    all += n;
    ASSERT_TRUE(message.received(n).ok());
    ASSERT_LE(message.memory(), std::max(Incoming::kFirstRoom, 2 * all + 64));
  }
}

TEST(Framing, AnnouncingMuchCostsNothing) {
  // A thread of its own: it has no buffer that it used before.
  std::thread(announce_much).join();
}

TEST(Framing, GarbageIsNoMessage) {
  std::mt19937 random(1);
  int whole = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(4 + random() % 100, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random());
    }
    if (i % 2 == 0) {
      uint32_t length = static_cast<uint32_t>(bytes.size() - 4);
      std::memcpy(bytes.data(), &length, 4);
    }
    Incoming message;
    begin(message, 1 << 20);
    size_t taken = 0;
    whole += read(message, bytes, 1 + random() % 100, &taken) && message.whole() ? 1 : 0;
  }
  EXPECT_EQ(whole, 0);
}

// A block over 1 GiB, without one: the head says so.
TEST(Framing, AHugeBlockComesAfterItsEnvelope) {
  constexpr uint64_t kHuge = uint64_t{3} << 30;
  Framing::Head head = mp_framing().head(Content::kRaw, kHuge);
  EXPECT_TRUE(head.apart);
  std::string stream(reinterpret_cast<const char*>(head.bytes.data()), head.size);
  Incoming message;
  size_t taken = 0;
  begin(message, kHuge);
  EXPECT_TRUE(read(message, stream, 1, &taken));
  EXPECT_EQ(taken, stream.size());
  EXPECT_FALSE(message.whole());
  EXPECT_LT(message.memory(), size_t{1} << 20);
  begin(message, kHuge - 1);
  EXPECT_FALSE(read(message, stream, 1, &taken));
}

}  // namespace
}  // namespace mp::internal
