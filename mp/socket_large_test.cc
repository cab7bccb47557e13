// Messages of 3 GiB over sockets. Where there is not memory enough, smaller ones are sent.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>
#include <string>

#include "mp/address.h"
#include "mp/client.h"
#include "mp/connection.h"
#include "mp/listener.h"
#include "mp/process.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kMaxFrame = 4 * kGiB;

// Memory of which only what is written is real.
class Room {
 public:
  explicit Room(uint64_t size) : size_(size) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(p, MAP_FAILED);
    data_ = static_cast<std::byte*>(p);
  }
  ~Room() { munmap(data_, size_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  std::span<std::byte> all() const { return {data_, size_}; }

 private:
  std::byte* data_;
  uint64_t size_;
};

uint64_t available() {
  std::ifstream info("/proc/meminfo");
  for (std::string key, unit; info >> key;) {
    uint64_t kib = 0;
    info >> kib;
    std::getline(info, unit);
    if (key == "MemAvailable:") {
      return kib << 10;
    }
  }
  return 0;
}

// Marks at which a wrong piece would show.
uint64_t mark_at(uint64_t i, uint64_t size) { return i * ((size - 8) / 15); }

void send_marked(Address to, std::optional<std::string> key, uint64_t size) {
  Connection end = Client(to, {.max_frame = kMaxFrame, .authkey = key});
  Room room(size);
  for (uint64_t i = 0; i < 16; ++i) {
    uint64_t mark = i + 1;
    std::memcpy(room.all().data() + mark_at(i, size), &mark, sizeof mark);
  }
  end.send_bytes(room.all());
  end.send(1);
}

class LargeMessageOverASocket : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(All, LargeMessageOverASocket, ::testing::Values("AF_UNIX", "AF_INET"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(LargeMessageOverASocket, ThreeGibibytes) {
  testing::Watchdog dog(std::chrono::minutes(4));
  const std::string family = GetParam();
  uint64_t size = 3 * kGiB;
  if (available() < 3 * size) {
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
  Room room(size);
  ASSERT_EQ(end.recv_bytes_into(room.all()), size);
  for (uint64_t i = 0; i < 16; ++i) {
    uint64_t mark = 0;
    std::memcpy(&mark, room.all().data() + mark_at(i, size), sizeof mark);
    EXPECT_EQ(mark, i + 1) << i;
  }
  EXPECT_EQ(end.recv<int>(), 1);
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
}

}  // namespace
}  // namespace mp
