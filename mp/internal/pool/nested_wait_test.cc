#include "mp/internal/pool/nested_wait.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "mp/internal/os/clock.h"
#include "mp/internal/pool/call_queue.h"
#include "mp/internal/pool/job.h"

namespace mp::internal {

class CallQueuePeer {
 public:
  static std::deque<std::shared_ptr<Job>>& jobs(CallQueue& calls) { return calls.jobs_; }
};

namespace {

constexpr size_t kMost = 64;  // any callback is made as far down as this
constexpr int64_t kPatienceNs = 50'000'000;

struct NoJob final : Job {
  NoJob() : Job(nullptr) {}
  void take(uint64_t, std::span<const std::byte>, FdSource*) override {}
};
std::shared_ptr<Job> make_job() { return std::make_shared<NoJob>(); }

using Called = std::deque<std::shared_ptr<Job>>;

// Waits for one job, each inside the last.
class Waits {
 public:
  explicit Waits(Job& job) : job_(job) {}
  ~Waits() {
    while (!levels_.empty()) {
      levels_.pop_back();
    }
  }
  // The `n`th.
  NestedWait& at(size_t n) {
    while (levels_.size() < n) {
      levels_.push_back(std::make_unique<NestedWait>(job_, calls_));
    }
    return *levels_.back();
  }
  // What is to be called.
  Called& called() { return CallQueuePeer::jobs(calls_); }

 private:
  Job& job_;
  CallQueue calls_;
  std::vector<std::unique_ptr<NestedWait>> levels_;
};

TEST(NestedWait, TakesTheFirstWhoseverItIsAsFarDownAs64) {
  const auto job = make_job(), other = make_job(), third = make_job();
  Waits waits(*job);
  for (size_t level = 1; level <= kMost; ++level) {
    waits.called() = {other, job, third};
    EXPECT_TRUE(waits.at(level).takes_first());
    EXPECT_EQ(waits.called(), (Called{other, job, third})) << "level " << level;
  }
}

TEST(NestedWait, TakesNothingWhereNothingIsCalled) {
  const auto job = make_job();
  Waits waits(*job);
  EXPECT_FALSE(waits.at(1).takes_first());
  EXPECT_FALSE(waits.at(kMost + 1).takes_first());
}

// A level so deep that no test is as slow as its patience is long.
constexpr size_t kDeep = kMost + 100'000;

TEST(NestedWait, TakesBelowOnlyWhatItWaitsFor) {
  const auto job = make_job(), other = make_job(), third = make_job();
  Waits waits(*job);
  NestedWait& deep = waits.at(kDeep);
  Called& called = waits.called();
  called = {other, third};
  EXPECT_FALSE(deep.takes_first());
  EXPECT_EQ(called, (Called{other, third}));
  called.push_back(job);
  EXPECT_TRUE(deep.takes_first());
  EXPECT_EQ(called.front(), job);
  called.pop_front();
  EXPECT_FALSE(deep.takes_first()) << "the others are still there, and wait";
  EXPECT_EQ(called.size(), 2u);
}

TEST(NestedWait, TakesBelowWhatTheResultIsMadeOfToo) {
  const auto first = make_job(), second = make_job(), job = make_job(), other = make_job();
  second->set_source(first);
  job->set_source(second);
  Waits waits(*job);
  NestedWait& deep = waits.at(kDeep);
  for (const auto& source : {first, second, job}) {
    waits.called() = {other, source};
    EXPECT_TRUE(deep.takes_first());
    EXPECT_EQ(waits.called(), (Called{source, other}));
  }
}

TEST(NestedWait, TheFirst64LookNoEarlierThanAsked) {
  const auto job = make_job();
  Waits waits(*job);
  waits.at(kMost).takes_first();
  EXPECT_TRUE(waits.at(kMost).look(Deadline::never()).is_never());
}

TEST(NestedWait, LooksAgainAfter50MillisecondsForEachLevelBelow) {
  const auto job = make_job(), other = make_job();
  Waits waits(*job);
  for (size_t above : {1, 2, 3, 1000}) {
    waits.at(kMost + above - 1);
    const int64_t before = monotonic_ns();
    NestedWait& wait = waits.at(kMost + above);
    const int64_t after = monotonic_ns();
    const int64_t look = wait.look(Deadline::never()).ns();
    // The lowest bit of a deadline is not of its time.
    EXPECT_GE(look, before + static_cast<int64_t>(above) * kPatienceNs - 1);
    EXPECT_LE(look, after + static_cast<int64_t>(above) * kPatienceNs);
    EXPECT_EQ(wait.look(Deadline::at(before)).ns(), before) << "or as early as was asked";
  }
}

TEST(NestedWait, TakesAnotherBelowOnceItHasWaited) {
  const auto job = make_job(), other = make_job();
  Waits waits(*job);
  waits.at(kMost);
  const int64_t before = monotonic_ns();
  NestedWait& wait = waits.at(kMost + 1);
  Called& called = waits.called();
  called = {other};
  while (!wait.takes_first()) {
  }
  EXPECT_GE(monotonic_ns(), before + kPatienceNs - 1);
  EXPECT_EQ(called, (Called{other}));
  EXPECT_TRUE(wait.look(Deadline::never()).is_never()) << "nothing is passed over any more";
  called = {other, job};
  EXPECT_TRUE(wait.takes_first());
  EXPECT_EQ(called.front(), other) << "in their order";
}

}  // namespace
}  // namespace mp::internal
