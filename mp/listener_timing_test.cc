// How long an honest client waits while a thousand peers are silent, and a thousand more send a byte a second.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "mp/client.h"
#include "mp/connection.h"
#include "mp/fd.h"
#include "mp/listener.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kSilent = 1000;
constexpr int kSlow = 1000;
constexpr int kHonest = 300;
const std::string kKey = "a key of more than 16 bytes";

Fd connect_raw(uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 ? std::move(fd) : Fd();
}

int open_descriptors() {
  int n = 0;
  for (int fd = 0; fd < 8192; ++fd) {
    n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  return n;
}

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

TEST(ListenerTiming, HonestClientsBesideAThousandSilentAndAThousandSlowOnes) {
  testing::Watchdog dog(120s);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit enough = {std::min<rlim_t>(8192, limit.rlim_max), limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &enough), 0);
  Listener listener({.authkey = kKey, .family = "AF_INET"});
  std::atomic<bool> stop{false};
  std::thread server([&] {
    while (!stop) {
      if (auto connection = listener.try_accept(20ms); connection.ok()) {
        connection->send(1);
      }
    }
  });
  auto visit = [&] {
    auto start = Clock::now();
    Client(listener.address(), {.authkey = kKey}).recv<int>();
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  visit();
  const int descriptors = open_descriptors();
  const size_t resident = resident_bytes();
  {
    std::vector<Fd> peers;
    for (int i = 0; i < kSilent; ++i) {
      peers.push_back(connect_raw(listener.address().port()));
    }
    std::atomic<bool> slow_stop{false};
    // Each sends a byte a second; who was sent away comes again.
    std::thread slow([&] {
      std::vector<Fd> all(kSlow);
      std::string hello = std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n');
      for (size_t turn = 0; !slow_stop; ++turn) {
        Fd& peer = all[turn % all.size()];
        char byte = hello[turn / all.size() % hello.size()];
        if (!peer.valid() || send(peer.get(), &byte, 1, MSG_NOSIGNAL) != 1) {
          peer = connect_raw(listener.address().port());
        }
        std::this_thread::sleep_for(1000ms / kSlow);
      }
    });
    std::vector<double> waits;
    for (int i = 0; i < kHonest; ++i) {
      waits.push_back(visit());
      std::this_thread::sleep_for(10ms);
    }
    slow_stop = true;
    slow.join();
    std::sort(waits.begin(), waits.end());
    double p99 = waits[waits.size() * 99 / 100];
    std::printf(
        "an honest client beside %d silent and %d slow peers: median %.2f ms, p99 %.2f ms, "
        "longest %.2f ms\n",
        kSilent, kSlow, waits[waits.size() / 2], p99, waits.back());
    EXPECT_LT(p99, 50);
  }
  // The peers are gone: the listener finds that out in its next accept().
  auto end = Clock::now() + 10s;
  while (open_descriptors() > descriptors && Clock::now() < end) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_LE(open_descriptors(), descriptors);
  double grown = (static_cast<double>(resident_bytes()) - static_cast<double>(resident)) / 1024;
  std::printf("memory afterwards: %+.0f KiB\n", grown);
  EXPECT_LT(grown, 4096);
  stop = true;
  server.join();
}

}  // namespace
}  // namespace mp
