#include "mp/internal/frame/spawn_plan.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mp/internal/frame/call.h"

namespace mp::internal {
namespace {

int calls = 0;

SpawnPlan example(const Encoder& call) {
  SpawnPlan plan;
  plan.name = "Process-1";
  plan.daemon = true;
  plan.authkey = std::string("\0\x01key", 5);
  plan.start_method = 2;
  plan.type = "SpawnProcess";
  plan.identity = "1:2";
  plan.parent_name = "MainProcess";
  plan.parent_pid = 4711;
  plan.parent_owner = 9;
  plan.extras = {{"cwd", "/tmp"}, {"empty", ""}};
  plan.call = call.message();
  return plan;
}

TEST(SpawnPlan, RoundTrips) {
  Encoder call;
  encode_call(
      call, [](int n) { calls += n; }, 5);
  std::vector<std::byte> bytes = encode_spawn_plan(example(call));
  auto got = decode_spawn_plan(bytes);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->name, "Process-1");
  EXPECT_TRUE(got->daemon);
  EXPECT_EQ(got->authkey, std::string("\0\x01key", 5));
  EXPECT_EQ(got->start_method, 2);
  EXPECT_EQ(got->type, "SpawnProcess");
  EXPECT_EQ(got->identity, "1:2");
  EXPECT_EQ(got->parent_name, "MainProcess");
  EXPECT_EQ(got->parent_pid, 4711u);
  EXPECT_EQ(got->parent_owner, 9u);
  EXPECT_EQ(got->extras, (std::map<std::string, std::string>{{"cwd", "/tmp"}, {"empty", ""}}));
  run_call(Reader::open(got->call));
  EXPECT_EQ(calls, 5);
}

TEST(SpawnPlan, EmptyOneRoundTrips) {
  std::vector<std::byte> bytes = encode_spawn_plan({});
  auto got = decode_spawn_plan(bytes);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->name, "");
  EXPECT_TRUE(got->call.empty());
  EXPECT_TRUE(got->extras.empty());
}

TEST(SpawnPlan, RefusesWhatIsNone) {
  Encoder call;
  encode_call(call, [] {});
  std::vector<std::byte> bytes = encode_spawn_plan(example(call));
  for (size_t n = 0; n < bytes.size(); n += 3) {
    decode_spawn_plan(
        std::vector<std::byte>(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n)))
        .status()
        .IgnoreError();
  }
  EXPECT_FALSE(decode_spawn_plan(std::vector<std::byte>(bytes.begin(), bytes.begin() + 40)).ok());
  EXPECT_FALSE(decode_spawn_plan({}).ok());
}

}  // namespace
}  // namespace mp::internal
