// mp/testing/storm_ledger.h
//
// What the ledgers of storms over queues have in common: who has put what, which message it is that came, and what a round
// is. What happens to a message after that, and the audit, are each storm's own.
//
// A ledger is memory of the test's own, which a killed member leaves as it was.

#ifndef MP_TESTING_STORM_LEDGER_H_
#define MP_TESTING_STORM_LEDGER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "mp/testing/storm.h"
#include "mp/testing/storm_message.h"

namespace mp::testing {

struct PutRecord {
  static constexpr int64_t kRefused = -1;
  std::atomic<int64_t> begin;  // 0: the record is not used
  std::atomic<int64_t> end;    // 0: the put has not returned
  std::atomic<uint32_t> number;
};

// What came, in the place of the index of its put's record.
enum Came : uint32_t { kCameNothing = 0xfffffff0, kCameEmpty, kCameTorn, kCameEnd };

// What each ledger begins with. It has clear() for a new round, besides.
struct StormLedger {
  uint64_t seed;
  uint32_t producers;  // in the seats below this one
  std::atomic<uint32_t> stop;
  std::atomic<uint32_t> puts_used;
};

// The message that tells a consumer that it is over.
inline std::string last_message() {
  const uint32_t word = kCameEnd;
  return std::string(reinterpret_cast<const char*>(&word), sizeof word);
}

// The index of `message`, or why it is none of the `most` that there may be. `size_of` tells the size of one.
template <class SizeOf>
uint32_t identify(uint64_t seed, uint32_t most, std::string_view message, const SizeOf& size_of) {
  uint32_t index = 0;
  if (message.empty()) {
    return kCameEmpty;
  }
  if (message.size() < sizeof index) {
    return kCameTorn;
  }
  std::memcpy(&index, message.data(), sizeof index);
  if (index == kCameEnd) {
    return message.size() == sizeof index ? uint32_t{kCameEnd} : uint32_t{kCameTorn};
  }
  if (index >= most) {
    return kCameTorn;
  }
  thread_local std::string expected;
  make_message(seed, index, size_of(index), &expected);
  return message == expected ? index : uint32_t{kCameTorn};
}

struct StormPlan {
  const char* name;
  std::chrono::nanoseconds time;  // of kills, at least
  uint64_t kills = 0;             // at least
  int64_t maxsize = 64;
  std::chrono::nanoseconds round = std::chrono::seconds(1);
};

// The rounds of one storm. In each some seats put, and those up to `consumers_end` get; from there on they do something else
// until `stop`.
template <class Ledger, class Queue>
class StormRounds {
 public:
  StormRounds(const StormPlan& plan, uint64_t seed, uint32_t consumers_end, uint32_t seats,
              Storm& storm, Ledger& ledger, const Queue& queue)
      : plan_(plan),
        seed_(seed),
        consumers_end_(consumers_end),
        seats_(seats),
        storm_(storm),
        ledger_(ledger),
        queue_(queue),
        random_(mix(seed)) {}

  // Kills; then all come to their end, those who put first, and after `settle` those who get. Returns what went wrong so far.
  template <class Settle>
  std::vector<std::string> next(const Settle& settle) {
    ledger_.clear();
    ledger_.seed = mix(seed_ + static_cast<uint64_t>(count_++));
    ledger_.producers = 1 + static_cast<uint32_t>(random_() % (consumers_end_ - 1));
    const int64_t begin = storm_now();
    storm_.rage(plan_.round);
    raged_ += storm_now() - begin;
    if (!storm_.complaints().empty()) {
      return storm_.complaints();
    }
    ledger_.stop = 1;
    storm_.calm(0, ledger_.producers - 1);
    if (consumers_end_ < seats_) {
      storm_.calm(consumers_end_, seats_ - 1);
    }
    std::vector<std::string> wrong = settle();
    for (uint32_t i = ledger_.producers; i < consumers_end_; ++i) {
      queue_.put(last_message());
    }
    storm_.calm(ledger_.producers, consumers_end_ - 1);
    wrong.insert(wrong.end(), storm_.complaints().begin(), storm_.complaints().end());
    return wrong;
  }

  bool enough() const { return raged_ >= plan_.time.count() && storm_.kills() >= plan_.kills; }
  int count() const { return count_; }
  // Of kills, in seconds.
  double raged() const { return static_cast<double>(raged_) / 1e9; }

 private:
  const StormPlan& plan_;
  const uint64_t seed_;
  const uint32_t consumers_end_;
  const uint32_t seats_;
  Storm& storm_;
  Ledger& ledger_;
  const Queue& queue_;
  StormRandom random_;
  int count_ = 0;
  int64_t raged_ = 0;
};

}  // namespace mp::testing

#endif  // MP_TESTING_STORM_LEDGER_H_
