#include "mp/memory.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/shm/kind.h"
#include "mp/internal/sync/ring.h"
#include "mp/queue.h"

namespace mp {
namespace {

using internal::Kind;
using internal::Ref;

TEST(Memory, TheLimitIsHalfTheMachineUnlessSet) {
  EXPECT_GT(memory_limit(), uint64_t{64} << 20);
  EXPECT_THROW(set_memory_limit(0), ValueError);
  uint64_t before = memory_limit();
  set_memory_limit(uint64_t{64} << 20);
  EXPECT_EQ(memory_limit(), uint64_t{64} << 20);
  set_memory_limit(before);
}

TEST(Memory, OverTheLimitIsAMemoryErrorThatNamesIt) {
  uint64_t before = memory_limit();
  set_memory_limit(uint64_t{64} << 20);
  Ref small = Ref::create(Kind::kArray, 1 << 20);
  try {
    Ref::create(Kind::kArray, uint64_t{64} << 20);
    ADD_FAILURE() << "no MemoryError";
  } catch (const MemoryError& e) {
    std::string text = e.what();
    EXPECT_NE(text.find("budget of 67108864"), std::string::npos) << text;
    EXPECT_NE(text.find(std::to_string(memory_used()) + " bytes of"), std::string::npos) << text;
    EXPECT_NE(text.find("mp::set_memory_limit()"), std::string::npos) << text;
    EXPECT_NE(text.find("MP_MEMORY_LIMIT"), std::string::npos) << text;
  }
  Ref fits = Ref::create(Kind::kArray, uint64_t{32} << 20);
  set_memory_limit(before);
}

// Puts small messages until there is no memory for more; returns how many, and the error's text.
int fill(const Queue<std::string>& queue, std::string* text) {
  for (int n = 0;; ++n) {
    try {
      queue.put(std::string(256, 'x'));
    } catch (const MemoryError& e) {
      *text = e.what();
      return n;
    }
  }
}

TEST(Memory, APutThatDoesNotFitSaysWhatItNeedsAndWhenItWillFit) {
  constexpr uint64_t kLimit = uint64_t{16} << 20;
  constexpr uint64_t kSegment = internal::Ring<>::kFirstSegment;
  uint64_t before = memory_limit();
  set_memory_limit(kLimit);
  {
    Queue<std::string> queue;
    std::string text;
    int n = fill(queue, &text);
    // All but less than a segment is in use.
    EXPECT_GT(memory_used() + kSegment, kLimit);
    EXPECT_LE(memory_used(), kLimit);
    EXPECT_GT(n, 0);
    EXPECT_EQ(text.find("mp: " + std::to_string(kSegment) + " bytes of shared memory do not fit: " +
                        std::to_string(memory_used()) + " bytes of the family's budget of " +
                        std::to_string(kLimit) + " are in use"),
              0u)
        << text;
    EXPECT_NE(text.find("segments come free as a whole, when all messages in them were received"),
              std::string::npos)
        << text;
    // As many gets as messages lie in the first segment make room.
    for (uint64_t bytes = 0; bytes < kSegment; bytes += 256) {
      queue.get();
    }
    queue.put(std::string(256, 'x'));
    EXPECT_EQ(queue.try_put(std::string(kLimit, 'x')).code(), absl::StatusCode::kResourceExhausted);
  }
  set_memory_limit(before);
}

TEST(Memory, ALargeBlockGivesItsPagesBack) {
  uint64_t before = memory_used();
  { Ref big = Ref::create(Kind::kArray, uint64_t{256} << 20); }
  EXPECT_LT(memory_used(), before + (1 << 20));
}

}  // namespace
}  // namespace mp
