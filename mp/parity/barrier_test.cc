// _TestBarrier of the reference. What it counts in lists is counted in queues here: put() is
// append(), qsize() is len().

#include <sched.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

constexpr int kParties = 5;

// What a party finds wrong: the line, since an expectation that fails in a process is not seen.
template <class B>
void require(const Tokens<B>& problems, bool ok, int line = __builtin_LINE()) {
  if (!ok) {
    problems.put(line);
  }
}

template <class B>
class TestBarrier : public ParityTest {
 protected:
  void TearDown() override {
    while (!problems.empty()) {
      ADD_FAILURE() << "a party, line " << problems.get();
    }
  }

  // Runs f in four processes and here.
  template <class F, class... A>
  void run_parties(F f, const A&... args) {
    std::vector<typename B::Process> others;
    for (int i = 1; i < kParties; ++i) {
      others.push_back(start<B>(f, args...));
    }
    f(args...);
    for (auto& p : others) {
      finish(p);
    }
  }

  typename B::Barrier barrier{kParties, nullptr, 60};
  Tokens<B> problems;
  Tokens<B> first;
  Tokens<B> second;
  Tokens<B> third;
};
TYPED_TEST_SUITE(TestBarrier, Backends, BackendNames);

template <class B>
void multipass(typename B::Barrier barrier, Tokens<B> before, Tokens<B> after, Tokens<B> problems,
               int passes) {
  for (int i = 0; i < passes; ++i) {
    before.put(1);
    require<B>(problems, after.qsize() == static_cast<uint64_t>(i * kParties));
    barrier.wait();
    after.put(1);
    require<B>(problems, before.qsize() == static_cast<uint64_t>((i + 1) * kParties));
    barrier.wait();
  }
  require<B>(problems, barrier.n_waiting() == 0);
  require<B>(problems, !barrier.broken());
}

TYPED_TEST(TestBarrier, test_barrier) {
  EXPECT_EQ(this->barrier.parties(), kParties);
  this->run_parties(multipass<TypeParam>, this->barrier, this->first, this->second, this->problems,
                    1);
}

TYPED_TEST(TestBarrier, test_barrier_10) {
  this->run_parties(multipass<TypeParam>, this->barrier, this->first, this->second, this->problems,
                    10);
}

template <class B>
void note_number(typename B::Barrier barrier, Tokens<B> numbers) {
  numbers.put(barrier.wait());
}

TYPED_TEST(TestBarrier, test_wait_return) {
  this->run_parties(note_number<TypeParam>, this->barrier, this->first);
  std::vector<int> numbers;
  for (int i = 0; i < kParties; ++i) {
    numbers.push_back(this->first.get());
  }
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(numbers, (std::vector<int>{0, 1, 2, 3, 4}));
}

template <class B>
struct AppendTrue {
  Tokens<B> list;
  void operator()() const { list.put(1); }
};

template <class B>
void find_one(typename B::Barrier barrier, Tokens<B> list, Tokens<B> problems) {
  barrier.wait();
  require<B>(problems, list.qsize() == 1);
}

TYPED_TEST(TestBarrier, test_action) {
  typename TypeParam::Barrier barrier(kParties, AppendTrue<TypeParam>{this->first});
  this->run_parties(find_one<TypeParam>, barrier, this->first, this->problems);
  EXPECT_EQ(this->first.qsize(), 1u);
}

template <class B>
void abort_in_one(typename B::Barrier barrier, Tokens<B> passed, Tokens<B> broken) {
  if (barrier.wait() == kParties / 2) {
    barrier.abort();
    return;
  }
  try {
    barrier.wait();
    passed.put(1);
  } catch (const BrokenBarrierError&) {
    broken.put(1);
  }
}

TYPED_TEST(TestBarrier, test_abort) {
  this->run_parties(abort_in_one<TypeParam>, this->barrier, this->first, this->second);
  EXPECT_EQ(this->first.qsize(), 0u);
  EXPECT_EQ(this->second.qsize(), static_cast<uint64_t>(kParties - 1));
  EXPECT_TRUE(this->barrier.broken());
}

template <class B>
void reset_in_one(typename B::Barrier barrier, Tokens<B> passed, Tokens<B> broken,
                  Tokens<B> again) {
  if (barrier.wait() == kParties / 2) {
    while (barrier.n_waiting() < kParties - 1) {
      sched_yield();
    }
    barrier.reset();
  } else {
    try {
      barrier.wait();
      passed.put(1);
    } catch (const BrokenBarrierError&) {
      broken.put(1);
    }
  }
  barrier.wait();
  again.put(1);
}

TYPED_TEST(TestBarrier, test_reset) {
  this->run_parties(reset_in_one<TypeParam>, this->barrier, this->first, this->second, this->third);
  EXPECT_EQ(this->first.qsize(), 0u);
  EXPECT_EQ(this->second.qsize(), static_cast<uint64_t>(kParties - 1));
  EXPECT_EQ(this->third.qsize(), static_cast<uint64_t>(kParties));
}

template <class B>
void abort_and_mend(typename B::Barrier barrier, typename B::Barrier other, Tokens<B> passed,
                    Tokens<B> broken, Tokens<B> again) {
  abort_in_one<B>(barrier, passed, broken);
  if (other.wait() == kParties / 2) {
    barrier.reset();
  }
  other.wait();
  barrier.wait();
  again.put(1);
}

TYPED_TEST(TestBarrier, test_abort_and_reset) {
  typename TypeParam::Barrier other(kParties);
  this->run_parties(abort_and_mend<TypeParam>, this->barrier, other, this->first, this->second,
                    this->third);
  EXPECT_EQ(this->first.qsize(), 0u);
  EXPECT_EQ(this->second.qsize(), static_cast<uint64_t>(kParties - 1));
  EXPECT_EQ(this->third.qsize(), static_cast<uint64_t>(kParties));
}

// One of them comes when the others have given up.
template <class B>
void come_late(typename B::Barrier barrier, Tokens<B> broken, double timeout) {
  if (barrier.wait(60) == kParties / 2) {
    while (!barrier.broken()) {
      sched_yield();
    }
  }
  try {
    timeout > 0 ? barrier.wait(timeout) : barrier.wait();
  } catch (const BrokenBarrierError&) {
    broken.put(1);
  }
}

TYPED_TEST(TestBarrier, test_timeout) {
  this->run_parties(come_late<TypeParam>, this->barrier, this->first, kTimeout1);
  EXPECT_EQ(this->first.qsize(), static_cast<uint64_t>(kParties));
}

TYPED_TEST(TestBarrier, test_default_timeout) {
  typename TypeParam::Barrier barrier(kParties, nullptr, kTimeout1);
  this->run_parties(come_late<TypeParam>, barrier, this->first, 0.0);
  EXPECT_EQ(this->first.qsize(), static_cast<uint64_t>(kParties));
}

TYPED_TEST(TestBarrier, test_single_thread) {
  typename TypeParam::Barrier barrier(1);
  EXPECT_EQ(barrier.wait(), 0);
  EXPECT_EQ(barrier.wait(0), 0);
}

template <class B>
void pass_often(typename B::Barrier barrier, int passes, typename B::Connection out,
                typename B::Lock lock) {
  for (int i = 0; i < passes; ++i) {
    barrier.wait();
    std::scoped_lock hold(lock);
    out.send(i);
  }
}

TYPED_TEST(TestBarrier, test_thousand) {
  constexpr int kPasses = 1000;
  typename TypeParam::Lock lock;
  auto [in, out] = TypeParam::Pipe(false);
  std::vector<typename TypeParam::Process> parties;
  for (int i = 0; i < kParties; ++i) {
    parties.push_back(start<TypeParam>(pass_often<TypeParam>, this->barrier, kPasses, out, lock));
  }
  for (int i = 0; i < kPasses; ++i) {
    for (int j = 0; j < kParties; ++j) {
      ASSERT_EQ(in.template recv<int>(), i);
    }
  }
  for (auto& p : parties) {
    finish(p);
  }
}

// Not tests of the reference's suite, but its semantics.

TYPED_TEST(TestBarrier, LessThanOnePartyIsAnError) {
  for (int parties : {0, -1}) {
    EXPECT_EQ(error_of([&] { typename TypeParam::Barrier barrier(parties); }),
              "ValueError: parties must be >= 1");
  }
}

TYPED_TEST(TestBarrier, TheTextTellsTheState) {
  typename TypeParam::Barrier barrier(2);
  const std::string head = TypeParam::kProcesses ? "<multiprocessing.synchronize.Barrier at 0x"
                                                 : "<threading.Barrier at 0x";
  std::string text = repr(barrier);
  EXPECT_TRUE(begins_with(text, head)) << text;
  EXPECT_EQ(text.substr(text.find(": ")), ": waiters=0/2>");
  barrier.abort();
  text = repr(barrier);
  EXPECT_TRUE(begins_with(text, head)) << text;
  EXPECT_EQ(text.substr(text.find(": ")), ": broken>");
}

TYPED_TEST(TestBarrier, TheErrorSaysWhy) {
  typename TypeParam::Barrier barrier(2);
  auto why = [](const std::function<void()>& call) {
    std::string text = error_of(call);
    EXPECT_TRUE(begins_with(text, "BrokenBarrierError: <")) << text;
    return text.substr(text.find("> is broken: ") + 13);
  };
  EXPECT_EQ(why([&] { barrier.wait(0); }), "a wait() timed out");
  EXPECT_EQ(why([&] { barrier.wait(); }), "a wait() timed out");
  barrier.reset();
  EXPECT_GE(seconds([&] { why([&] { barrier.wait(kTimeout2); }); }), kTimeout2);
  barrier.reset();
  barrier.abort();
  barrier.abort();
  EXPECT_EQ(why([&] { barrier.wait(); }), "abort() was called");
  EXPECT_EQ(barrier.try_wait().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(barrier.try_wait(1).status().code(), absl::StatusCode::kAborted);
}

void refuse() { throw ValueError("not today"); }

template <class B>
void note_error(typename B::Barrier barrier, typename B::template Queue<std::string> errors) {
  errors.put(error_of([&] { barrier.wait(); }));
}

TYPED_TEST(TestBarrier, AnActionThatThrowsBreaksTheBarrierForTheOthers) {
  typename TypeParam::Barrier barrier(kParties, refuse);
  typename TypeParam::template Queue<std::string> errors;
  this->run_parties(note_error<TypeParam>, barrier, errors);
  int thrown = 0;
  for (int i = 0; i < kParties; ++i) {
    std::string text = errors.get();
    if (text == "ValueError: not today") {
      ++thrown;
    } else {
      EXPECT_NE(text.find("> is broken: the action failed"), std::string::npos) << text;
    }
  }
  EXPECT_EQ(thrown, 1);
  EXPECT_TRUE(barrier.broken());
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
}

// The last to come may leave and come again before the others have left, and again.
template <class B>
void pass_as_two(typename B::Barrier barrier, Tokens<B> problems, int passes) {
  for (int i = 0; i < passes; ++i) {
    int number = barrier.wait();
    require<B>(problems, number == 0 || number == 1);
  }
}

TYPED_TEST(TestBarrier, RoundsOfTwoFollowEachOtherAtOnce) {
  constexpr int kPasses = 3000;
  typename TypeParam::Barrier barrier(2);
  auto p = start<TypeParam>(pass_as_two<TypeParam>, barrier, this->problems, kPasses);
  pass_as_two<TypeParam>(barrier, this->problems, kPasses);
  finish(p);
}

template <class B>
void come_again_and_again(typename B::Barrier barrier, Tokens<B> numbers) {
  for (absl::StatusOr<int> number = 0; number.ok();) {
    number = barrier.try_wait();
    if (number.ok()) {
      numbers.put(*number);
    }
  }
}

TYPED_TEST(TestBarrier, MoreThanThePartiesMayCome) {
  constexpr int kComers = 7;
  constexpr int kRounds = 200;
  std::vector<typename TypeParam::Process> comers;
  for (int i = 0; i < kComers; ++i) {
    comers.push_back(start<TypeParam>(come_again_and_again<TypeParam>, this->barrier, this->first));
  }
  std::vector<int> count(kParties);
  for (int i = 0; i < kRounds * kParties; ++i) {
    ++count[static_cast<size_t>(this->first.get())];
  }
  // Some parties of the last rounds have yet to say that they passed.
  for (int n : count) {
    EXPECT_GE(n, kRounds - 2 * kComers);
    EXPECT_LE(n, kRounds + 2 * kComers);
  }
  this->barrier.abort();
  for (auto& p : comers) {
    finish(p);
  }
}

}  // namespace
}  // namespace mp::testing
