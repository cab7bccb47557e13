// How soon who sleeps at one end of a pipe knows that the last holder of the other was killed.
// Prints what it measured.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "mp/connection.h"
#include "mp/context.h"
#include "mp/errors.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch() / 1ns; }

void hold(Connection end) {
  end.send(1);
  for (;;) {
    pause();
  }
}

void receive(const Connection& end) { end.recv<int>(); }

void send_until_it_is_full(const Connection& end) {
  const std::string text(10'000, 'x');
  for (;;) {
    end.send(text);
  }
}

class ConnectionTiming : public ::testing::TestWithParam<const char*> {
 protected:
  // The 99th percentile, in milliseconds, of the time from the kill to the error in `sleep`.
  static double measure(const char* what, void (*sleep)(const Connection&)) {
    constexpr size_t kDeaths = 200;
    std::vector<int64_t> delays;
    for (size_t n = 0; n < kDeaths; ++n) {
      auto [a, b] = Pipe();
      Process p({.context = get_context(GetParam())}, hold, b);
      p.start();
      b.close();
      a.recv<int>();
      int64_t killed = 0;
      std::thread killer([&] {
        EXPECT_TRUE(testing::await_asleep(getpid()));
        killed = now_ns();
        p.kill();
      });
      int64_t told = 0;
      try {
        sleep(a);
      } catch (const Error&) {
        told = now_ns();
      }
      killer.join();
      EXPECT_TRUE(p.join());
      delays.push_back(told - killed);
    }
    std::sort(delays.begin(), delays.end());
    auto ms = [&](size_t percent) {
      return static_cast<double>(delays[kDeaths * percent / 100 - 1]) / 1e6;
    };
    std::printf("%s, %s: p50 %.3f ms, p99 %.3f ms, max %.3f ms\n", GetParam(), what, ms(50), ms(99),
                ms(100));
    return ms(99);
  }
};

TEST_P(ConnectionTiming, ADeathIsKnownWithinFiveMilliseconds) {
  testing::Watchdog dog(280s);
  EXPECT_LT(measure("a recv() ends", receive), 5);
  EXPECT_LT(measure("a send() ends", send_until_it_is_full), 5);
}

INSTANTIATE_TEST_SUITE_P(StartMethods, ConnectionTiming,
                         ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace mp
