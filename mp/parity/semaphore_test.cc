// _TestSemaphore of the reference.

#include <algorithm>
#include <mutex>
#include <string>

#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestSemaphore : public ParityTest {};
TYPED_TEST_SUITE(TestSemaphore, Backends, BackendNames);

constexpr char kTooMany[] = "ValueError: semaphore or lock released too many times";

// What both kinds have in common.
template <class S>
void walk(const S& sem) {
  EXPECT_EQ(sem.get_value(), 2);
  EXPECT_TRUE(sem.acquire());
  EXPECT_EQ(sem.get_value(), 1);
  EXPECT_TRUE(sem.acquire());
  EXPECT_EQ(sem.get_value(), 0);
  EXPECT_FALSE(sem.acquire(0));
  EXPECT_EQ(sem.get_value(), 0);
  sem.release();
  EXPECT_EQ(sem.get_value(), 1);
  sem.release();
  EXPECT_EQ(sem.get_value(), 2);
}

TYPED_TEST(TestSemaphore, test_semaphore) {
  typename TypeParam::Semaphore sem(2);
  walk(sem);
  sem.release();
  EXPECT_EQ(sem.get_value(), 3);
  sem.release();
  EXPECT_EQ(sem.get_value(), 4);
}

TYPED_TEST(TestSemaphore, test_bounded_semaphore) {
  typename TypeParam::BoundedSemaphore sem(2);
  walk(sem);
  EXPECT_EQ(error_of([&] { sem.release(); }), kTooMany);
  EXPECT_EQ(sem.get_value(), 2);
}

TYPED_TEST(TestSemaphore, test_timeout) {
  typename TypeParam::Semaphore sem(0);
  EXPECT_FALSE(sem.acquire(0));
  EXPECT_FALSE(sem.acquire(-1));
  EXPECT_GE(seconds([&] { EXPECT_FALSE(sem.acquire(kTimeout2)); }), kTimeout2);
  EXPECT_GE(seconds([&] { EXPECT_FALSE(sem.acquire(kTimeout3)); }), kTimeout3);
}

// Not tests of the reference's suite, but its semantics.

TYPED_TEST(TestSemaphore, Repr) {
  typename TypeParam::Semaphore sem(3);
  EXPECT_EQ(repr(sem), "<Semaphore(value=3)>");
  typename TypeParam::BoundedSemaphore bounded(3);
  bounded.acquire();
  EXPECT_EQ(repr(bounded), "<BoundedSemaphore(value=2, maxvalue=3)>");
  EXPECT_EQ(repr(typename TypeParam::Semaphore()), "<Semaphore(value=1)>");
}

TYPED_TEST(TestSemaphore, FirstValues) {
  using Semaphore = typename TypeParam::Semaphore;
  using BoundedSemaphore = typename TypeParam::BoundedSemaphore;
  for (const std::string& error :
       {error_of([] { Semaphore sem(-1); }), error_of([] { BoundedSemaphore sem(-1); })}) {
    EXPECT_TRUE(begins_with(error, "OSError: ")) << error;
    EXPECT_NE(error.find("Semaphore(-1): [Errno 22] Invalid argument"), std::string::npos) << error;
  }
  constexpr int64_t kMax = 2147483647;
  Semaphore most(kMax);
  EXPECT_EQ(error_of([&] { most.release(); }), kTooMany);
  EXPECT_TRUE(most.acquire());
  EXPECT_EQ(most.get_value(), kMax - 1);
  most.release();
  EXPECT_TRUE(begins_with(error_of([] { Semaphore sem(kMax + 1); }), "ValueError: "));
  BoundedSemaphore none(0);
  EXPECT_EQ(error_of([&] { none.release(); }), kTooMany);
}

TYPED_TEST(TestSemaphore, WithIsAScopedLock) {
  typename TypeParam::Semaphore sem(1);
  {
    std::scoped_lock hold(sem);
    EXPECT_EQ(sem.get_value(), 0);
  }
  EXPECT_EQ(sem.get_value(), 1);
}

template <class B>
void give_and_take(typename B::Semaphore mine, typename B::Semaphore theirs, int turns) {
  for (int i = 0; i < turns; ++i) {
    mine.acquire();
    theirs.release();
  }
}

TYPED_TEST(TestSemaphore, TwoProcessesSignalEachOther) {
  typename TypeParam::Semaphore ping(0);
  typename TypeParam::Semaphore pong(0);
  auto p = start<TypeParam>(give_and_take<TypeParam>, ping, pong, 2000);
  for (int i = 0; i < 2000; ++i) {
    ping.release();
    pong.acquire();
  }
  finish(p);
  EXPECT_EQ(ping.get_value() + pong.get_value(), 0);
}

// The most that were inside at once.
template <class B>
void go_in_often(typename B::Semaphore sem, Tokens<B> inside, Tokens<B> most) {
  int seen = 0;
  for (int i = 0; i < 3000; ++i) {
    std::scoped_lock hold(sem);
    inside.put(1);
    seen = std::max(seen, static_cast<int>(inside.qsize()));
    inside.get();
  }
  most.put(seen);
}

TYPED_TEST(TestSemaphore, AsManyAsPermitsAreInsideAtOnce) {
  typename TypeParam::BoundedSemaphore sem(2);
  Tokens<TypeParam> inside;
  Tokens<TypeParam> most;
  auto a = start<TypeParam>(go_in_often<TypeParam>, sem, inside, most);
  auto b = start<TypeParam>(go_in_often<TypeParam>, sem, inside, most);
  auto c = start<TypeParam>(go_in_often<TypeParam>, sem, inside, most);
  finish(a);
  finish(b);
  finish(c);
  for (int i = 0; i < 3; ++i) {
    EXPECT_LE(most.get(), 2);
  }
  EXPECT_EQ(sem.get_value(), 2);
}

}  // namespace
}  // namespace mp::testing
