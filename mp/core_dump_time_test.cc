// A core dump takes no longer for the arena.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "mp/internal/shm/family.h"
#include "mp/testing/core_dump_child.h"

namespace mp {
namespace {

using testing::Dump;
using testing::dump_core;

template <class First>
double milliseconds(const First& first) {
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(dump_core(first), Dump::kWritten);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<int>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

TEST(CoreDumpTime, IsThatOfAProcessWithoutTheArena) {
  internal::Family& family = internal::Family::get();
  if (dump_core([] {}) == Dump::kForbidden) {
    GTEST_SKIP()
        << "no core is dumped here: core_pattern, a limit or the place the test runs in forbids it";
  }
  std::byte* base = family.arena().base();
  uint64_t size = family.header().size;
  std::vector<double> with;
  std::vector<double> without;
  for (int i = 0; i < 9; ++i) {
    with.push_back(milliseconds([] {}));
    without.push_back(milliseconds([&] { munmap(base, size); }));
  }
  std::printf("core dump: %.1f ms with the arena mapped (%lu GiB), %.1f ms without\n", median(with),
              size >> 30, median(without));
  std::fflush(stdout);
  // Reading the holes would take seconds per GiB.
  EXPECT_LT(median(with), 2 * median(without) + 20);
}

}  // namespace
}  // namespace mp
