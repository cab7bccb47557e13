#include "mp/memory.h"

#include <string>

#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/shm/kind.h"

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
  Ref small = Ref::create(Kind::kBytes, 1 << 20);
  try {
    Ref::create(Kind::kBytes, uint64_t{64} << 20);
    ADD_FAILURE() << "no MemoryError";
  } catch (const MemoryError& e) {
    std::string text = e.what();
    EXPECT_NE(text.find("budget of 67108864"), std::string::npos) << text;
    EXPECT_NE(text.find(std::to_string(memory_used()) + " bytes of"), std::string::npos) << text;
    EXPECT_NE(text.find("mp::set_memory_limit()"), std::string::npos) << text;
    EXPECT_NE(text.find("MP_MEMORY_LIMIT"), std::string::npos) << text;
  }
  Ref fits = Ref::create(Kind::kBytes, uint64_t{32} << 20);
  set_memory_limit(before);
}

TEST(Memory, ALargeBlockGivesItsPagesBack) {
  uint64_t before = memory_used();
  { Ref big = Ref::create(Kind::kBytes, uint64_t{256} << 20); }
  EXPECT_LT(memory_used(), before + (1 << 20));
}

}  // namespace
}  // namespace mp
