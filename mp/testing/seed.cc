#include "mp/testing/seed.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace mp::testing {
namespace {

std::atomic<uint64_t> g_seed{0};

uint64_t choose() {
  uint64_t seed = 0;
  if (const char* text = std::getenv("MP_TEST_SEED")) {
    seed = std::strtoull(text, nullptr, 0);
  }
  // Zero is "nobody has asked".
  while (seed == 0) {
    seed = std::random_device()();
  }
  return seed;
}

}  // namespace

uint64_t seed() {
  static const uint64_t chosen = [] {
    uint64_t seed = choose();
    g_seed.store(seed, std::memory_order_relaxed);
    std::fprintf(stderr, "MP_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return seed;
  }();
  return chosen;
}

uint64_t seed_if_drawn() noexcept { return g_seed.load(std::memory_order_relaxed); }

}  // namespace mp::testing
