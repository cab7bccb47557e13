#include "mp/internal/pool/planted_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "mp/internal/pool/pool_bug.h"

namespace mp::internal {
namespace {

using namespace std::chrono_literals;

TEST(PlantedPool, NothingIsPlantedUnlessTheEnvironmentSaysSo) {
  ASSERT_EQ(std::getenv("MP_POOL_BUG"), nullptr);
  EXPECT_FALSE(g_pool_planted);
  EXPECT_EQ(g_pool_bug, PoolBug::kNone);
  EXPECT_EQ(setenv("MP_POOL_PATIENCE", "1", 1), 0);
  EXPECT_EQ(patience(60s), 60s) << "nor is a test that hangs ended sooner";
}

}  // namespace
}  // namespace mp::internal
