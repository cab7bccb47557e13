// Messages of 3 GiB over sockets. Where there is not memory enough, smaller ones are sent.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>

#include "mp/address.h"
#include "mp/client.h"
#include "mp/connection.h"
#include "mp/listener.h"
#include "mp/process.h"
#include "mp/testing/large_message.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kMaxFrame = 4 * kGiB;

void send_marked(Address to, std::optional<std::string> key, uint64_t size) {
  Connection end = Client(to, {.max_frame = kMaxFrame, .authkey = key});
  testing::LargeMessage message(size);
  message.mark();
  end.send_bytes(message.bytes());
  end.send(1);
}

class LargeMessageOverASocket : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(All, LargeMessageOverASocket, ::testing::Values("AF_UNIX", "AF_INET"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(LargeMessageOverASocket, ThreeGibibytes) {
  testing::Watchdog dog(std::chrono::minutes(4));
  const std::string family = GetParam();
  uint64_t size = 3 * kGiB;
  if (testing::available_memory() < 3 * size) {
    size = 100 << 20;
  }
  std::cout << "a message of " << size << " bytes\n";
  // Over the network with tags.
  std::optional<std::string> key;
  if (family == "AF_INET") {
    key = "a key of more than 16 bytes";
  }
  Listener listener({.max_frame = kMaxFrame, .authkey = key, .family = family});
  Process p(send_marked, listener.address(), key, size);
  p.start();
  Connection end = listener.accept();
  testing::LargeMessage message(size);
  ASSERT_EQ(end.recv_bytes_into(message.bytes()), size);
  message.expect_marked();
  EXPECT_EQ(end.recv<int>(), 1);
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
}

}  // namespace
}  // namespace mp
