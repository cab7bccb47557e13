// Many processes: at once, one after the other, one inside the other.

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "mp/barrier.h"
#include "mp/internal/shm/family.h"
#include "mp/memory.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

class ProcessScale : public testing::Fixture, public ::testing::WithParamInterface<const char*> {
 protected:
  template <class... A>
  Process make(A&&... function) {
    return Process({.context = get_context(GetParam())}, std::forward<A>(function)...);
  }

 private:
  Watchdog dog_{240s};
};

INSTANTIATE_TEST_SUITE_P(Process, ProcessScale, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

void meet(Barrier all, Queue<int> q, int n) {
  all.wait();
  q.put(n);
}

TEST_P(ProcessScale, TwoHundredAtOnce) {
  constexpr int kMany = 200;
  Barrier all(kMany);
  Queue<int> q;
  std::vector<Process> processes;
  for (int i = 0; i < kMany; ++i) {
    processes.push_back(make(meet, all, q, i));
    processes.back().start();
  }
  for (const Process& p : processes) {
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
  }
  int64_t sum = 0;
  for (int i = 0; i < kMany; ++i) {
    sum += q.get(0);
  }
  EXPECT_EQ(sum, kMany * (kMany - 1) / 2);
}

int open_fds() {
  auto entries = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<int>(std::distance(begin(entries), end(entries)));
}

TEST_P(ProcessScale, AThousandOneAfterTheOtherLeaveNothing) {
  Queue<int> q;
  auto one = [&](int n) {
    Process p = make([](Queue<int> to, int i) { to.put(i); }, q, n);
    p.start();
    p.join();
    ASSERT_EQ(p.exitcode(), 0);
    ASSERT_EQ(q.get(0), n);
  };
  one(0);
  int fds = open_fds();
  uint64_t memory = memory_used();
  for (int i = 1; i <= 1000; ++i) {
    one(i);
    if (HasFatalFailure()) {
      return;
    }
  }
  EXPECT_EQ(open_fds(), fds);
  EXPECT_EQ(memory_used(), memory);
  // Slots are used again, or a family would end at its 4,094th process.
  EXPECT_LT(internal::Family::get().header().slots_used, 220u);
}

void descend(Queue<std::string> q, int levels) {
  q.put(current_process().name());
  if (levels > 1) {
    Process p(descend, q, levels - 1);
    p.start();
    p.join();
    mp::exit(*p.exitcode());
  }
  mp::exit(7);
}

TEST_P(ProcessScale, FiveGenerations) {
  Queue<std::string> q;
  Process p = make(descend, q, 5);
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 7);
  std::string name = p.name();
  for (int i = 0; i < 5; ++i) {
    std::string got = q.get(0);
    EXPECT_EQ(got.substr(got.find('-')), name.substr(name.find('-')));
    name += ":1";
  }
}

}  // namespace
}  // namespace mp
