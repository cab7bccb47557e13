// How soon the descendants of a killed process are gone, all of them busy. Prints what it measured.

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/pidfd.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

// Reports its pid, starts two like itself, and is busy for ever.
void found_a_line(std::string method, Queue<int> pids, int depth) {
  for (int i = 0; i < 2 && depth > 0; ++i) {
    Process p({.context = get_context(method)}, found_a_line, method, pids, depth - 1);
    p.start();
  }
  pids.put(current_process().pid());
  for (volatile int n = 0;;) {
    n = n + 1;
  }
}

class OrphanTiming : public ::testing::TestWithParam<const char*> {};

TEST_P(OrphanTiming, AllDescendantsAreGoneWithinASecond) {
  testing::Watchdog dog(280s);
  constexpr size_t kRounds = 40;
  std::vector<double> delays;
  for (size_t n = 0; n < kRounds; ++n) {
    Queue<int> pids;
    Process p({.context = get_context(GetParam())}, found_a_line, GetParam(), pids, 2);
    p.start();
    std::vector<internal::UniqueFd> family;
    for (int i = 0; i < 7; ++i) {
      family.push_back(internal::open_pidfd(pids.get()));
      ASSERT_TRUE(family.back().valid());
    }
    auto killed = std::chrono::steady_clock::now();
    p.kill();
    for (const internal::UniqueFd& fd : family) {
      pollfd end{fd.get(), POLLIN, 0};
      ASSERT_EQ(poll(&end, 1, -1), 1);
    }
    delays.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - killed)
            .count());
    p.join();
  }
  std::sort(delays.begin(), delays.end());
  std::printf("%s: seven busy processes are gone after: p50 %.1f ms, max %.1f ms\n", GetParam(),
              delays[kRounds / 2], delays.back());
  EXPECT_LT(delays.back(), 1000);
}

INSTANTIATE_TEST_SUITE_P(Process, OrphanTiming, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace mp
