#include "mp/dummy/value.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "mp/dummy/array.h"
#include "mp/dummy/sharedctypes.h"
#include "mp/dummy/test_thread.h"
#include "mp/errors.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using namespace std::chrono_literals;
using mp::testing::TestThread;
using mp::testing::Watchdog;

struct Pair {
  int a, b;
};

TEST(DummyValue, CopiesAreTheSameValueAndTheSameLock) {
  Value<int> a(1);
  Value<int> b = a;
  b.set_value(2);
  EXPECT_EQ(a.value(), 2);
  EXPECT_TRUE(a == b);
  EXPECT_TRUE(a.get_lock() == b.get_lock());
  EXPECT_FALSE(a.get_lock().owner_died());
  Lock lock;
  Value<int> c(1, lock);
  EXPECT_TRUE(c.get_lock() == lock);
  EXPECT_FALSE(c.get_lock() == a.get_lock());
}

TEST(DummyValue, WaitsForWhoeverHasTheLock) {
  Watchdog dog(30s);
  Value<int> n(1);
  n.acquire();
  TestThread other([n] { n.set_value(2); });
  other.await_asleep();
  EXPECT_EQ(n.value(), 1);
  n.release();
  other.join();
  EXPECT_EQ(n.value(), 2);
}

TEST(DummyValue, UpdatesOfThreadsAreNotLost) {
  Watchdog dog(60s);
  Value<long> n;
  Array<int> a(3, Lock());
  auto add = [&] {
    for (int i = 0; i < 20000; ++i) {
      n.update([](long& v) { ++v; });
      a[1] += 1;
      a.update([](std::span<int> all) { ++all[2]; });
    }
  };
  std::thread other(add);
  add();
  other.join();
  EXPECT_EQ(n.value(), 40000);
  EXPECT_EQ(a.slice(), (std::vector<int>{0, 40000, 40000}));
}

TEST(DummyValue, StoresWordsWhole) {
  Watchdog dog(60s);
  RawValue<Pair> pair(Pair{0, 0});
  std::thread writer([pair] {
    for (int i = 1; i <= 200000; ++i) {
      pair.set_value({i, -i});
    }
  });
  for (Pair p = pair.value(); p.a < 200000; p = pair.value()) {
    ASSERT_EQ(p.a, -p.b);
  }
  writer.join();
}

TEST(DummyArray, TooLargeAnArrayIsAMemoryError) {
  EXPECT_THROW(RawArray<int>(INT64_MAX), MemoryError);
  EXPECT_THROW(RawArray<int>(-1), ValueError);
}

TEST(DummySharedCTypes, WithoutAValueTheyAreZero) {
  EXPECT_EQ(repr(make_value('i')), "<Synchronized wrapper for c_int(0)>");
  EXPECT_EQ(repr(make_raw_value('c')), "c_char(b'\\x00')");
  Lock lock;
  EXPECT_TRUE(make_value('i', 1, lock).get_lock() == lock);
  EXPECT_TRUE(make_array('i', 3, lock).get_lock() == lock);
  Array<Object> a = make_array('i', 2);
  a.update(0, [](Object& v) {
    v = 5;
    return v;
  });
  EXPECT_EQ(a.slice(), list({5, 0}));
}

}  // namespace
}  // namespace mp::dummy
