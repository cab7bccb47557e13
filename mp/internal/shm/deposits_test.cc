#include "mp/internal/shm/deposits.h"

#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace mp::internal {
namespace {

constexpr Owner kSender = Owner::of(3, 1);
constexpr Owner kTaker = Owner::of(4, 1);
constexpr uint64_t kToken = uint64_t{kSender.bits} << 32 | 7;
constexpr uint64_t kChannel = 1 << 20;

bool nobody(Owner) { return false; }

class DepositsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto arena = Arena::create(0);
    ASSERT_TRUE(arena.ok()) << arena.status();
    arena_.emplace(*std::move(arena));
  }

  Arena& arena() { return *arena_; }
  Deposits deposits() { return Deposits(arena()); }
  Deposit& entry() { return arena().deposit(0); }
  void note() {
    // Any word will do for the count of received messages.
    ASSERT_TRUE(deposits().note(kToken, kChannel, 0, arena().offset_of(&received())));
  }
  std::vector<uint64_t> channels_of_dead_senders(absl::FunctionRef<bool(Owner)> is_dead) {
    std::vector<uint64_t> channels;
    deposits().each_channel_of_dead_senders(is_dead, [&](uint64_t at) { channels.push_back(at); });
    return channels;
  }
  std::atomic<uint64_t>& received() { return arena().header().rescues; }
  void receive_one() { received().store(1 << 1); }

  std::optional<Arena> arena_;
};

TEST_F(DepositsTest, BelongToTheMessageThenToTheTakerThenToNobody) {
  note();
  EXPECT_FALSE(deposits().none());
  auto sender_dead = [](Owner o) { return o == kSender; };
  EXPECT_EQ(channels_of_dead_senders(sender_dead), std::vector<uint64_t>{kChannel});
  deposits().forget(kChannel, 1);
  EXPECT_EQ(deposits().some_orphan(), 0u);
  auto taker_dead = [](Owner o) { return o == kTaker; };
  deposits().claim(kToken, kTaker);
  deposits().orphan_of_dead_takers(taker_dead);
  EXPECT_EQ(deposits().some_orphan(), 0u);
  receive_one();
  EXPECT_TRUE(channels_of_dead_senders(sender_dead).empty());
  deposits().orphan_of_dead_takers(nobody);
  EXPECT_EQ(deposits().some_orphan(), 0u);
  deposits().orphan_of_dead_takers(taker_dead);
  EXPECT_TRUE(deposits().orphans());
  EXPECT_EQ(deposits().some_orphan(), kToken);
  deposits().end(kToken);
  EXPECT_TRUE(deposits().none());
  EXPECT_EQ(deposits().some_orphan(), 0u);
  EXPECT_FALSE(deposits().orphans());
}

// What somebody killed between the stores of make_orphan() leaves; its channel may be gone.
TEST_F(DepositsTest, AHalfMadeOrphanIsFinishedByTheNextLook) {
  for (bool channel_cleared : {false, true}) {
    note();
    entry().orphan.store(1);
    if (channel_cleared) {
      entry().channel.store(0);
      entry().received.store(~uint64_t{0});
    }
    EXPECT_FALSE(deposits().orphans());
    EXPECT_EQ(channels_of_dead_senders(nobody).size(), 0u);
    deposits().orphan_of_dead_takers(nobody);
    EXPECT_TRUE(deposits().orphans());
    EXPECT_EQ(deposits().some_orphan(), kToken);
    deposits().end(kToken);
    EXPECT_EQ(deposits().some_orphan(), 0u);
  }
}

TEST_F(DepositsTest, AChannelThatEndsTwiceKeepsWhatWasReceived) {
  note();
  deposits().claim(kToken, kTaker);
  receive_one();
  // Killed between the two stores of channel_ends().
  entry().received.store(0);
  deposits().channel_ends(kChannel);
  EXPECT_EQ(entry().channel.load(), 0u);
  EXPECT_EQ(deposits().some_orphan(), 0u);
  deposits().orphan_of_dead_takers([](Owner o) { return o == kTaker; });
  EXPECT_EQ(deposits().some_orphan(), kToken);
}

TEST_F(DepositsTest, HaveAnEnd) {
  for (uint32_t i = 0; i < kDeposits; ++i) {
    EXPECT_TRUE(deposits().note(kToken + i, kChannel, i, arena().offset_of(&received())));
  }
  EXPECT_FALSE(deposits().note(1, kChannel, 0, arena().offset_of(&received())));
  deposits().channel_ends(kChannel);
  for (uint32_t i = 0; i < kDeposits; ++i) {
    uint64_t token = deposits().some_orphan();
    ASSERT_NE(token, 0u);
    deposits().end(token);
  }
  EXPECT_TRUE(deposits().none());
}

}  // namespace
}  // namespace mp::internal
