// Messages of 3 GiB. Where there is not memory enough for one in the arena and one outside of it, the path that large
// messages take is gone with smaller ones.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>

#include "mp/internal/shm/family.h"
#include "mp/memory.h"
#include "mp/mp.h"
#include "mp/testing/large_message.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

void send_marked(Connection end, uint64_t size) {
  testing::LargeMessage message(size);
  message.mark();
  end.send_bytes(message.bytes());
  end.send(1);
}

TEST(LargeMessage, ThreeGibibytes) {
  testing::Watchdog dog(std::chrono::minutes(2));
  uint64_t size = uint64_t{3} << 30;
  const bool fits = testing::available_memory() > 3 * size && memory_limit() > size + (64 << 20);
  if (!fits) {
    size = 3 << 20;
    internal::Family::get().header().large_message = 4096;
  }
  std::cout << "a message of " << size << " bytes\n";
  auto [a, b] = Pipe();
  Process p(send_marked, b, size);
  p.start();
  b.close();
  testing::LargeMessage message(size);
  ASSERT_EQ(a.recv_bytes_into(message.bytes()), size);
  message.expect_marked();
  EXPECT_EQ(a.recv<int>(), 1);
  p.join();
}

}  // namespace
}  // namespace mp
