// What EventCount knows about sleepers from what the wakes found. Its protocol is run in every order by the model tests of
// what sleeps on it.

#include "mp/internal/sync/event_count.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace mp::internal {
namespace {

TEST(EventCount, WhoWasWokenCostsNoFurtherWake) {
  EventCount<> ec;
  EXPECT_FALSE(ec.pending());
  ec.ask();
  EXPECT_TRUE(ec.pending());
  ec.serve(ec.advance(), 1, false);
  EXPECT_FALSE(ec.pending());
}

TEST(EventCount, WhoStillSleepsIsCounted) {
  EventCount<> ec;
  for (int i = 0; i < 3; ++i) {
    ec.ask();
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(ec.pending());
    ec.serve(ec.advance(), 1, false);
  }
  EXPECT_FALSE(ec.pending());
}

TEST(EventCount, WhoLeftWithoutAWakeCostsOne) {
  EventCount<> ec;
  ec.ask();
  ec.ask();
  ec.serve(ec.advance(), 1, false);
  EXPECT_TRUE(ec.pending());
  ec.serve(ec.advance(), 0, true);
  EXPECT_FALSE(ec.pending());
}

TEST(EventCount, WhoRegisteredDuringTheWakeIsCountedUnlessItFoundThem) {
  for (uint32_t woken : {0u, 1u, 2u}) {
    EventCount<> ec;
    ec.ask();
    auto before = ec.advance();
    ec.ask();
    ec.serve(before, woken, true);
    EXPECT_EQ(ec.pending(), woken < 2) << woken;
  }
}

TEST(EventCount, ALateNotifierHidesNoNewSleeper) {
  EventCount<> ec;
  ec.ask();
  auto late = ec.advance();  // and wakes that one
  ec.serve(ec.advance(), 0, true);
  EXPECT_FALSE(ec.pending());
  ec.ask();
  ec.serve(late, 1, false);
  EXPECT_TRUE(ec.pending());
}

TEST(EventCount, ALateNotifierTakesBackNothing) {
  EventCount<> ec;
  ec.ask();
  auto late = ec.advance();
  ec.ask();
  ec.serve(ec.advance(), 0, true);
  ec.serve(late, 1, false);
  EXPECT_FALSE(ec.pending());
}

TEST(EventCount, ANotifierFromBeforeTheNumbersWentRoundTakesBackNothing) {
  EventCount<> ec;
  ec.ask();
  auto late = ec.advance();
  ec.asked = 0x9000'0000;
  ec.served = 0x9000'0000;
  ec.serve(late, 1, false);
  EXPECT_FALSE(ec.pending());
}

TEST(EventCount, RestsDoNotAddUpUntilNobodyIsSeen) {
  EventCount<> ec;
  constexpr uint32_t kStep = 1u << 28;
  for (int i = 0; i < 64; ++i) {
    // Somebody sleeps at every wake, and many more have left without one.
    ec.asked.fetch_add(kStep);
    ASSERT_TRUE(ec.pending()) << i;
    ec.serve(ec.advance(), 1, false);
    ASSERT_TRUE(ec.pending()) << i;
    ASSERT_LE(ec.asked.load() - ec.served.load(), 1u << 30) << i;
  }
  ec.serve(ec.advance(), 0, true);
  EXPECT_FALSE(ec.pending());
}

}  // namespace
}  // namespace mp::internal
