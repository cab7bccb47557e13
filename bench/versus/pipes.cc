#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "bench/placement.h"
#include "bench/versus/parties.h"
#include "bench/versus/versus.h"

namespace bench {
namespace {

// Two words on lines of their own; each side wakes the other and sleeps.
struct Words {
  alignas(64) std::atomic<uint32_t> ping{0};
  alignas(64) std::atomic<uint32_t> pong{0};
};

void wake(std::atomic<uint32_t>& word, uint32_t value) {
  word.store(value, std::memory_order_release);
  syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}
void sleep_until(std::atomic<uint32_t>& word, uint32_t value) {
  for (uint32_t now; (now = word.load(std::memory_order_acquire)) != value;) {
    syscall(SYS_futex, &word, FUTEX_WAIT, now, nullptr, nullptr, 0);
  }
}

template <int kOther>
double ping_pong(int64_t n) {
  void* at =
      mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::runtime_error("mmap failed");
  auto* words = new (at) Words;
  const auto rounds = static_cast<uint32_t>(n);
  double elapsed = with_process(
      [&] {
        OnProcessor here(kOther);
        for (uint32_t i = 1; i <= rounds; ++i) {
          sleep_until(words->ping, i);
          wake(words->pong, i);
        }
      },
      [&] {
        OnProcessor here(0);
        for (uint32_t i = 1; i <= rounds; ++i) {
          wake(words->ping, i);
          sleep_until(words->pong, i);
        }
      });
  munmap(at, sizeof(Words));
  return elapsed;
}

double polled(int64_t n) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
    throw std::runtime_error("socketpair failed");
  }
  double elapsed = with_process(
      [&] {
        char message[kMessageBytes];
        std::memset(message, '0', sizeof message);
        for (int64_t i = 0; i < n; ++i) {
          if (write(ends[1], message, sizeof message) != kMessageBytes) _exit(1);
        }
      },
      [&] {
        close(ends[1]);
        char message[kMessageBytes];
        pollfd readable{ends[0], POLLIN, 0};
        for (int64_t i = 0; i < n; ++i) {
          poll(&readable, 1, -1);
          if (read(ends[0], message, sizeof message) != kMessageBytes) {
            throw std::runtime_error("the stream ended early");
          }
        }
        benchmark::DoNotOptimize(message);
      });
  close(ends[0]);
  return elapsed;
}

}  // namespace

Body futex_ping_pong() { return self_timed<ping_pong<0>>(); }
Body futex_ping_pong_apart() { return self_timed<ping_pong<1>>(); }

Body socketpair_polled() { return self_timed<polled>(); }

Body two_memcpys() {
  return {[](benchmark::State& state) {
    std::vector<char> from(kLargeBytes, '0'), between(kLargeBytes), to(kLargeBytes);
    time_each(state, [&] {
      std::memcpy(between.data(), from.data(), kLargeBytes);
      benchmark::DoNotOptimize(between.data());
      std::memcpy(to.data(), between.data(), kLargeBytes);
      benchmark::DoNotOptimize(to.data());
      benchmark::ClobberMemory();
    });
  }};
}

}  // namespace bench
