// mp/testing/storm_message.h
//
// The messages of storms: what the message with some index is, everybody can work out.

#ifndef MP_TESTING_STORM_MESSAGE_H_
#define MP_TESTING_STORM_MESSAGE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "mp/testing/storm.h"

namespace mp::testing {

inline uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Nothing; a few bytes; most in a segment among others; some larger than a queue's first segments, than the size from
// which a message has a segment of its own, than the largest segment.
inline size_t message_size(uint64_t seed, uint32_t index) {
  StormRandom random(mix(seed + index));
  uint64_t of = random() % 1000;
  auto between = [&](double low, double high) {
    return static_cast<size_t>(log_uniform(random, low, high));
  };
  return of < 50    ? 0
         : of < 100 ? between(4, 16)
         : of < 920 ? between(16, 4 << 10)
         : of < 980 ? between(4 << 10, 40 << 10)
         : of < 998 ? between(64 << 10, 200 << 10)
                    : between(1 << 20, 1.2 * (1 << 20));
}

// Its first four bytes are the index.
inline void make_message(uint64_t seed, uint32_t index, size_t size, std::string* out) {
  out->resize(size);
  uint64_t x = mix(seed ^ (uint64_t{index} << 32));
  for (size_t at = 0; at < out->size(); at += 8) {
    x += 0x9e3779b97f4a7c15;
    uint64_t word = x ^ (x >> 29);
    std::memcpy(out->data() + at, &word, std::min<size_t>(8, out->size() - at));
  }
  if (!out->empty()) {
    std::memcpy(out->data(), &index, sizeof index);
  }
}
inline void make_message(uint64_t seed, uint32_t index, std::string* out) {
  make_message(seed, index, message_size(seed, index), out);
}

}  // namespace mp::testing

#endif  // MP_TESTING_STORM_MESSAGE_H_
