// _TestCondition of the reference.

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestCondition : public ParityTest {
 protected:
  typename B::Condition cond;
  Tokens<B> sleeping;
  Tokens<B> woken;
};
TYPED_TEST_SUITE(TestCondition, Backends, BackendNames);

// Whoever holds cond after a token came from `sleeping` knows that its sender is inside wait().
template <class B>
void sleep_once(typename B::Condition cond, Tokens<B> sleeping, Tokens<B> woken, double timeout) {
  std::scoped_lock hold(cond);
  sleeping.put(1);
  woken.put(cond.wait(timeout < 0 ? kForever : Timeout(timeout)));
}

// Half of them are threads of this process, as in the reference.
template <class B>
class Sleepers {
 public:
  Sleepers(int count, const typename B::Condition& cond, const Tokens<B>& sleeping,
           const Tokens<B>& woken, double timeout = -1) {
    for (int i = 0; i < count; ++i) {
      if (i % 2 == 0) {
        processes_.push_back(start<B>(sleep_once<B>, cond, sleeping, woken, timeout));
      } else {
        threads_.emplace_back(sleep_once<B>, cond, sleeping, woken, timeout);
      }
    }
    for (int i = 0; i < count; ++i) {
      sleeping.get();
    }
  }
  ~Sleepers() {
    for (std::thread& t : threads_) {
      t.join();
    }
    for (auto& p : processes_) {
      finish(p);
    }
  }

 private:
  std::vector<typename B::Process> processes_;
  std::vector<std::thread> threads_;
};

// Receives `count` tokens, all of them `value`, and no more.
template <class Q>
void expect_tokens(const Q& tokens, int count, int value) {
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(tokens.get(), value);
  }
  EXPECT_EQ(error_of([&] { tokens.get(kTimeout2); }).substr(0, 6), "Empty:");
}

TYPED_TEST(TestCondition, test_notify) {
  Sleepers<TypeParam> sleepers(2, this->cond, this->sleeping, this->woken);
  expect_tokens(this->woken, 0, 1);
  for (int i = 0; i < 2; ++i) {
    {
      std::scoped_lock hold(this->cond);
      this->cond.notify();
    }
    expect_tokens(this->woken, 1, 1);
  }
}

TYPED_TEST(TestCondition, test_notify_all) {
  {
    Sleepers<TypeParam> impatient(6, this->cond, this->sleeping, this->woken, kTimeout1);
    expect_tokens(this->woken, 6, 0);
  }
  Sleepers<TypeParam> sleepers(6, this->cond, this->sleeping, this->woken);
  expect_tokens(this->woken, 0, 1);
  {
    std::scoped_lock hold(this->cond);
    this->cond.notify_all();
  }
  expect_tokens(this->woken, 6, 1);
}

TYPED_TEST(TestCondition, test_notify_n) {
  Sleepers<TypeParam> sleepers(6, this->cond, this->sleeping, this->woken);
  int left = 6;
  for (int n : {2, 4, 3}) {
    {
      std::scoped_lock hold(this->cond);
      this->cond.notify(static_cast<uint64_t>(n));
    }
    expect_tokens(this->woken, std::min(n, left), 1);
    left -= std::min(n, left);
  }
}

TYPED_TEST(TestCondition, test_timeout) {
  std::scoped_lock hold(this->cond);
  EXPECT_GE(seconds([&] { EXPECT_FALSE(this->cond.wait(kTimeout1)); }), kTimeout1);
}

// `state` counts by its size what the reference counts in a Value.
template <class B>
void wait_for_five(typename B::Condition cond, Tokens<B> state, Tokens<B> results) {
  std::scoped_lock hold(cond);
  state.put(1);
  cond.notify();
  results.put(cond.wait_for([&] { return state.qsize() == 5; }));
  results.put(static_cast<int>(state.qsize()));
}

TYPED_TEST(TestCondition, test_waitfor) {
  Tokens<TypeParam> state;
  auto p = start<TypeParam>(wait_for_five<TypeParam>, this->cond, state, this->woken);
  {
    std::scoped_lock hold(this->cond);
    EXPECT_TRUE(this->cond.wait_for([&] { return state.qsize() == 1; }));
  }
  for (int i = 0; i < 4; ++i) {
    std::scoped_lock hold(this->cond);
    state.put(1);
    this->cond.notify();
  }
  EXPECT_EQ(this->woken.get(), 1);
  EXPECT_EQ(this->woken.get(), 5);
  finish(p);
}

template <class B>
void wait_for_what_does_not_come(typename B::Condition cond, Tokens<B> sleeping,
                                 typename B::template Queue<double> results) {
  std::scoped_lock hold(cond);
  sleeping.put(1);
  results.put(seconds([&] { results.put(cond.wait_for([] { return false; }, kTimeout1)); }));
}

TYPED_TEST(TestCondition, test_waitfor_timeout) {
  typename TypeParam::template Queue<double> results;
  auto p =
      start<TypeParam>(wait_for_what_does_not_come<TypeParam>, this->cond, this->sleeping, results);
  this->sleeping.get();
  for (int i = 0; i < 3; ++i) {
    std::scoped_lock hold(this->cond);
    this->cond.notify();
  }
  EXPECT_EQ(results.get(), 0);
  EXPECT_GE(results.get(), kTimeout1);
  finish(p);
}

template <class B>
void notify_once(typename B::Condition cond) {
  std::scoped_lock hold(cond);
  cond.notify();
}

TYPED_TEST(TestCondition, test_wait_result) {
  std::unique_lock hold(this->cond);
  EXPECT_FALSE(this->cond.wait(0));
  EXPECT_FALSE(this->cond.wait(kTimeout2));
  auto p = start<TypeParam>(notify_once<TypeParam>, this->cond);
  EXPECT_TRUE(this->cond.wait(60));
  hold.unlock();
  finish(p);
}

// Not tests of the reference's suite, but its semantics.

TYPED_TEST(TestCondition, Repr) {
  EXPECT_EQ(repr(this->cond), "<Condition(<RLock(None, 0)>, 0)>");
  typename TypeParam::Lock lock;
  EXPECT_EQ(repr(typename TypeParam::Condition(lock)), "<Condition(<Lock(owner=None)>, 0)>");
  Sleepers<TypeParam> sleepers(2, this->cond, this->sleeping, this->woken);
  {
    std::scoped_lock hold(this->cond);
    const std::string me =
        TypeParam::kProcesses ? current_process().name() : dummy::current_process().name();
    EXPECT_EQ(repr(this->cond), "<Condition(<RLock(" + me + ", 1)>, 2)>");
    this->cond.notify_all();
  }
  expect_tokens(this->woken, 2, 1);
  EXPECT_EQ(repr(this->cond), "<Condition(<RLock(None, 0)>, 0)>");
}

TYPED_TEST(TestCondition, WaitAndNotifyNeedTheLock) {
  typename TypeParam::Lock lock;
  typename TypeParam::Condition plain(lock);
  for (const auto& c : {this->cond, plain}) {
    EXPECT_EQ(error_of([&] { c.wait(); }),
              "AssertionError: must acquire() condition before using wait()");
    EXPECT_EQ(error_of([&] { c.notify(); }), "AssertionError: lock is not owned");
    EXPECT_EQ(error_of([&] { c.notify_all(); }), "AssertionError: lock is not owned");
  }
}

template <class B>
void wait_three_levels_deep(typename B::RLock lock, typename B::Condition cond, Tokens<B> results) {
  lock.acquire();
  lock.acquire();
  cond.acquire();
  results.put(1);
  results.put(cond.wait());
  int levels = 0;
  for (; error_of([&] { lock.release(); }) == "nothing"; ++levels) {
  }
  results.put(levels);
}

TYPED_TEST(TestCondition, WaitGivesUpAllLevelsAndTakesThemBack) {
  typename TypeParam::RLock lock;
  typename TypeParam::Condition cond(lock);
  auto p = start<TypeParam>(wait_three_levels_deep<TypeParam>, lock, cond, this->woken);
  this->woken.get();
  {
    std::scoped_lock hold(lock);
    cond.notify();
  }
  EXPECT_EQ(this->woken.get(), 1);
  EXPECT_EQ(this->woken.get(), 3);
  finish(p);
}

}  // namespace
}  // namespace mp::testing
