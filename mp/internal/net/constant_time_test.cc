// Whether the time that a comparison takes tells where two digests differ. Two classes of guesses are compared with a secret in
// a random order, and Welch's t says whether their times are drawn from one distribution (as dudect does: Reparaz, Balasch,
// Verbauwhede, "Dude, is my code constant time?", 2017). |t| over 4.5 is a leak; of one that is none it is about 1.

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "mp/internal/net/seal.h"
#include "mp/internal/net/stops_early.h"

namespace mp::internal {
namespace {

using Bytes32 = std::array<std::byte, 32>;
using Compare = bool (*)(std::span<const std::byte>, std::span<const std::byte>) noexcept;

constexpr double kLeak = 4.5;
constexpr int kRounds = 5;
constexpr int kSamples = 100'000;
// Comparisons of one guess that are timed together: some hundred nanoseconds, of which reading the clock is a small part.
constexpr int kBatch = 16;
// What is slower than nine tenths of all was interrupted.
constexpr double kCrop = 0.9;

int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

struct Sums {
  double n = 0;
  double mean = 0;
  double squares = 0;
  void add(double x) {
    ++n;
    const double delta = x - mean;
    mean += delta / n;
    squares += delta * (x - mean);
  }
  double error() const { return squares / (n - 1) / n; }
};

// Welch's t of the times of `compare` for two classes of guesses.
double t_of(Compare compare, const Bytes32& secret, const std::array<Bytes32, 2>& classes,
            std::mt19937_64& random) {
  Compare volatile function = compare;
  // Both classes are compared at one place.
  Bytes32 guess;
  std::vector<int64_t> times(kSamples);
  std::vector<uint8_t> kinds(kSamples);
  for (int i = 0; i < kSamples; ++i) {
    kinds[i] = static_cast<uint8_t>(random() & 1);
  }
  for (int i = 0; i < kSamples; ++i) {
    std::memcpy(guess.data(), classes[kinds[i]].data(), guess.size());
    const int64_t begin = now_ns();
    for (int k = 0; k < kBatch; ++k) {
      function(secret, guess);
    }
    times[i] = now_ns() - begin;
  }
  std::vector<int64_t> sorted = times;
  auto limit = sorted.begin() + static_cast<long>(kCrop * kSamples);
  std::nth_element(sorted.begin(), limit, sorted.end());
  Sums sums[2];
  for (int i = 0; i < kSamples; ++i) {
    if (times[i] <= *limit) {
      sums[kinds[i]].add(static_cast<double>(times[i]));
    }
  }
  return (sums[0].mean - sums[1].mean) / std::sqrt(sums[0].error() + sums[1].error());
}

struct Pair {
  const char* what;
  std::array<Bytes32, 2> classes;
};
std::vector<Pair> pairs_for(const Bytes32& secret) {
  auto wrong_at = [&](size_t i) {
    Bytes32 guess = secret;
    guess[i] ^= std::byte{1};
    return guess;
  };
  Bytes32 all = secret;
  for (std::byte& b : all) {
    b = ~b;
  }
  return {{"wrong in the first byte, or in the last", {wrong_at(0), wrong_at(31)}},
          {"right, or wrong in the first byte", {secret, wrong_at(0)}},
          {"wrong in every byte, or in the last", {all, wrong_at(31)}}};
}

// How many of the rounds find a leak, for each pair of classes. A busy machine can make one round differ, not all.
std::vector<int> leaky_rounds(const char* name, Compare compare) {
  std::mt19937_64 random(1);
  Bytes32 secret;
  for (std::byte& b : secret) {
    b = static_cast<std::byte>(random());
  }
  std::vector<int> leaky;
  for (const Pair& pair : pairs_for(secret)) {
    std::printf("%s, %s: t =", name, pair.what);
    int found = 0;
    for (int round = 0; round < kRounds; ++round) {
      const double t = t_of(compare, secret, pair.classes, random);
      std::printf(" %.1f", t);
      found += std::abs(t) > kLeak ? 1 : 0;
    }
    std::printf("\n");
    leaky.push_back(found);
  }
  return leaky;
}

TEST(ConstantTime, AComparisonDoesNotTellWhereDigestsDiffer) {
  for (int found : leaky_rounds("equal_digests", equal_digests)) {
    EXPECT_LT(found, kRounds);
  }
}

TEST(ConstantTime, OneThatStopsEarlyIsFound) {
  for (int found : leaky_rounds("one that stops early", stops_early)) {
    EXPECT_EQ(found, kRounds);
  }
}

}  // namespace
}  // namespace mp::internal
