// mp/testing/storm.h
//
// Storm: a few processes at work, each killed at a random moment and replaced at once.
//
//   Storm storm({.seats = 6}, [&](Storm::Member m) { work(m); });
//   storm.rage(1s);   // kills and replaces
//   let_them_end();
//   storm.calm();     // nobody is killed; returns when all have ended by themselves
//
// Lives last log-uniformly, so that deaths while joining the family, in the first operation and in the middle of long
// sleeps are all frequent. Calm after every second or so shows what a death would hide: a member that hangs.

#ifndef MP_TESTING_STORM_H_
#define MP_TESTING_STORM_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mp/process.h"

namespace mp::testing {

using StormRandom = std::mt19937_64;
// A number from `low` to `high` whose logarithm is uniform.
double log_uniform(StormRandom& random, double low, double high);
// How long the long storm of a test rages: `suite`, or as many seconds as MP_STORM_SECONDS says.
std::chrono::seconds storm_time(std::chrono::seconds suite);
// The clock of all stamps of a storm, in nanoseconds; one for all processes.
int64_t storm_now();

class Storm {
 public:
  // One life. Numbers are never used again; a seat is taken by one member after the other.
  struct Member {
    uint32_t seat;
    uint32_t number;
  };
  struct Options {
    uint32_t seats = 6;
    std::chrono::nanoseconds shortest = std::chrono::microseconds(100);
    std::chrono::nanoseconds longest = std::chrono::milliseconds(300);
    uint64_t seed = 1;
    // Makes a process, not started, that does the work of a member, by a method that does not copy this process; one
    // member in `shipped_share` is made so.
    std::function<Process(Member)> ship = {};
    uint32_t shipped_share = 16;
  };
  struct Death {
    uint32_t number;
    int64_t by;  // it was dead then
  };

  // `work` runs in a fork of this process. It must not return before it is told to by what the test shares with it.
  Storm(Options options, std::function<void(Member)> work);
  // Kills who is left.
  ~Storm();
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

  void rage(std::chrono::nanoseconds time);
  // Waits for the members in seats from `first` to `last`, both included.
  void calm(uint32_t first, uint32_t last);

  uint64_t kills() const { return kills_; }
  // Who was killed since the last call.
  std::vector<Death> take_deaths() { return std::exchange(deaths_, {}); }
  // Members that crashed, or ended while they should not, in words.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Seat {
    uint32_t number = 0;
    pid_t pid = 0;
    std::optional<Process> shipped;
    int64_t due = 0;
  };

  void fill(uint32_t seat);
  void kill(uint32_t seat);
  // Waits for its end and frees the seat. 0, or minus a signal, or an exit status.
  int reap(Seat& seat);

  const Options options_;
  const std::function<void(Member)> work_;
  StormRandom random_;
  std::vector<Seat> seats_;
  uint32_t last_number_ = 0;
  uint64_t kills_ = 0;
  std::vector<Death> deaths_;
  std::vector<std::string> complaints_;
};

// Exit status of a storm that saw something wrong: no crash, time limit or failed assertion ends with it.
inline constexpr int kStormViolations = 99;

// Runs `body` in a fork of this process, which is not to have used the library yet: what a planted bug does to a family
// stays there. Returns its exit status, or minus the signal that ended it. With a limit it is killed, with all it
// started, when that is over: -SIGKILL.
int run_apart(const std::function<int()>& body,
              std::optional<std::chrono::nanoseconds> limit = std::nullopt);

}  // namespace mp::testing

#endif  // MP_TESTING_STORM_H_
