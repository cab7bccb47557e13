// _TestHeap of the reference: random allocations, and the arena's accounts afterwards.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "mp/internal/shm/family.h"
#include "mp/testing/seed.h"

namespace mp::internal {
namespace {

struct Accounts {
  uint64_t blocks = 0;
  uint64_t live_bytes = 0;  // of blocks of their own pages, what they have; of others their size
  bool apart = true;        // no two blocks overlap
};

Accounts look(Family& family) {
  Accounts a;
  uint64_t end = 0;
  // In the order of their places.
  family.arena().each_live([&](uint64_t at, const Block& b) {
    a.apart = a.apart && at >= end;
    end = at + (uint64_t{1} << b.log2);
    a.live_bytes += b.backed != 0 ? b.backed : uint64_t{1} << b.log2;
    ++a.blocks;
  });
  return a;
}

TEST(TestHeap, test_heap) {
  constexpr int kIterations = 5000;
  constexpr size_t kMostBlocks = 50;
  Family& family = Family::get();
  std::mt19937_64 random(testing::seed());
  std::lognormal_distribution<double> log_normal(0, 1);

  // Families keep pages of their lists: grown once, before the first look.
  {
    std::vector<uint64_t> grown;
    for (size_t i = 0; i < kMostBlocks; ++i) {
      grown.push_back(*family.create(Kind::kArray, 64));
    }
    for (uint64_t at : grown) {
      family.drop(at);
    }
  }
  const Accounts before = look(family);
  const uint64_t used_before = family.header().used.load();

  std::map<uint64_t, uint64_t> mine;  // place: bytes
  for (int i = 0; i < kIterations; ++i) {
    auto size = static_cast<uint64_t>(log_normal(random) * 1000) + sizeof(Block);
    auto at = family.create(Kind::kArray, size);
    ASSERT_TRUE(at.ok()) << at.status();
    const Block* b = family.arena().block(*at);
    ASSERT_GE(uint64_t{1} << b->log2, size);
    // It overlaps none of the others.
    auto next = mine.lower_bound(*at);
    ASSERT_TRUE(next == mine.end() || next->first >= *at + size);
    ASSERT_TRUE(next == mine.begin() || std::prev(next)->first + std::prev(next)->second <= *at);
    mine[*at] = size;
    if (mine.size() > kMostBlocks) {
      auto drop = std::next(mine.begin(), static_cast<long>(random() % mine.size()));
      family.drop(drop->first);
      mine.erase(drop);
    }
  }
  Accounts now = look(family);
  EXPECT_TRUE(now.apart);
  EXPECT_EQ(now.blocks - before.blocks, mine.size());
  uint64_t asked = 0;
  for (const auto& [at, size] : mine) {
    const Block* b = family.arena().block(at);
    // A block of its own pages has those of what was asked, and may have more from who had it before.
    if (b->backed != 0) {
      EXPECT_GE(b->backed, size);
      EXPECT_LE(b->backed, uint64_t{1} << b->log2);
      asked += b->backed;
    } else {
      asked += uint64_t{1} << b->log2;
    }
  }
  EXPECT_EQ(now.live_bytes - before.live_bytes, asked);
  // What the family has from the kernel covers what lives in it.
  EXPECT_LE(now.live_bytes, family.header().used.load());

  for (const auto& [at, size] : mine) {
    family.drop(at);
  }
  now = look(family);
  EXPECT_EQ(now.blocks, before.blocks);
  EXPECT_EQ(now.live_bytes, before.live_bytes);

  // All of it is there for the next: the same again takes nothing more from the kernel.
  const uint64_t used = family.header().used.load();
  EXPECT_GE(used, used_before);
  std::vector<uint64_t> again;
  for (size_t i = 0; i < kMostBlocks; ++i) {
    again.push_back(*family.create(Kind::kArray, 900));
  }
  EXPECT_EQ(family.header().used.load(), used);
  for (uint64_t at : again) {
    family.drop(at);
  }
}

}  // namespace
}  // namespace mp::internal
