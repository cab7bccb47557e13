// Messages of 3 GiB. Where there is not memory enough for one in the arena and one outside of it, the path that large
// messages take is gone with smaller ones.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <span>
#include <string>

#include "mp/internal/shm/family.h"
#include "mp/memory.h"
#include "mp/mp.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

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

void send_marked(Connection end, uint64_t size) {
  Room room(size);
  for (uint64_t i = 0; i < 16; ++i) {
    uint64_t mark = i + 1;
    std::memcpy(room.all().data() + mark_at(i, size), &mark, sizeof mark);
  }
  end.send_bytes(room.all());
  end.send(1);
}

TEST(LargeMessage, ThreeGibibytes) {
  testing::Watchdog dog(std::chrono::minutes(2));
  uint64_t size = uint64_t{3} << 30;
  const bool fits = available() > 3 * size && memory_limit() > size + (64 << 20);
  if (!fits) {
    size = 3 << 20;
    internal::Family::get().header().large_message = 4096;
  }
  std::cout << "a message of " << size << " bytes\n";
  auto [a, b] = Pipe();
  Process p(send_marked, b, size);
  p.start();
  b.close();
  Room room(size);
  ASSERT_EQ(a.recv_bytes_into(room.all()), size);
  for (uint64_t i = 0; i < 16; ++i) {
    uint64_t mark = 0;
    std::memcpy(&mark, room.all().data() + mark_at(i, size), sizeof mark);
    EXPECT_EQ(mark, i + 1) << i;
  }
  EXPECT_EQ(a.recv<int>(), 1);
  p.join();
}

}  // namespace
}  // namespace mp
