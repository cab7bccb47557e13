#include "mp/testing/large_message.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <fstream>
#include <string>

namespace mp::testing {
namespace {

constexpr uint64_t kMarks = 16;

uint64_t mark_at(uint64_t i, uint64_t size) { return i * ((size - sizeof i) / (kMarks - 1)); }

}  // namespace

LargeMessage::LargeMessage(uint64_t size) : size_(size) {
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  EXPECT_NE(p, MAP_FAILED);
  data_ = static_cast<std::byte*>(p);
}

LargeMessage::~LargeMessage() { munmap(data_, size_); }

void LargeMessage::mark() const {
  for (uint64_t i = 0; i < kMarks; ++i) {
    uint64_t mark = i + 1;
    std::memcpy(data_ + mark_at(i, size_), &mark, sizeof mark);
  }
}

void LargeMessage::expect_marked() const {
  for (uint64_t i = 0; i < kMarks; ++i) {
    uint64_t mark = 0;
    std::memcpy(&mark, data_ + mark_at(i, size_), sizeof mark);
    EXPECT_EQ(mark, i + 1) << i;
  }
}

uint64_t available_memory() {
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

}  // namespace mp::testing
