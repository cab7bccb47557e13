// A process that has no memory left gives calls up all the same: none stays without an end, and the pool can be joined.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <numeric>
#include <optional>
#include <vector>

#include "mp/event.h"
#include "mp/pool.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"
#include "mp/thread_pool.h"

namespace {

// The allocation of this thread that fails, counted down; below 0: none.
thread_local int t_fails = -1;

}  // namespace

void* operator new(std::size_t size) {
  if (t_fails >= 0 && t_fails-- == 0) {
    throw std::bad_alloc();
  }
  if (void* at = std::malloc(size)) {
    return at;
  }
  throw std::bad_alloc();
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }

namespace mp {
namespace {

using std::chrono_literals::operator""s;

int square(int x) { return x * x; }
int tell_and_wait(Event begun, Event go) {
  begun.set();
  go.wait();
  return 7;
}

// More than any of these calls makes.
constexpr int kMost = 24;

template <class F>
void without_memory(int fails, F f) {
  t_fails = fails;
  try {
    f();
  } catch (const std::bad_alloc&) {
  }
  t_fails = -1;
}

template <class P>
class PoolBadAlloc : public testing::Fixture {
 protected:
  // A pool whose worker is busy, so that nothing else begins.
  struct Busy {
    Busy() : result(pool.apply_async(tell_and_wait, begun, go)) { begun.wait(); }
    // Its worker goes on, and nothing keeps the pool.
    void end() {
      go.set();
      EXPECT_EQ(result.get(), 7);
      pool.close();
      EXPECT_TRUE(pool.join());
    }
    P pool{1};
    Event begun, go;
    AsyncResult<int> result;
  };
  PoolBadAlloc() { std::iota(items_.begin(), items_.end(), 0); }

  std::vector<int> items_ = std::vector<int>(200);

 private:
  testing::Watchdog dog_{250s};
};
using Pools = ::testing::Types<Pool, ThreadPool>;
TYPED_TEST_SUITE(PoolBadAlloc, Pools);

TYPED_TEST(PoolBadAlloc, CancelGivesUpAllOrNothing) {
  for (int fails = 0; fails < kMost; ++fails) {
    typename TestFixture::Busy busy;
    auto map = busy.pool.map_async({.chunksize = 1}, square, this->items_);
    without_memory(fails, [&] { map.cancel(); });
    busy.go.set();
    EXPECT_TRUE(map.wait()) << "allocation " << fails;
    busy.end();
  }
}

TYPED_TEST(PoolBadAlloc, AnImapMayBeDropped) {
  for (int fails = 0; fails < kMost; ++fails) {
    typename TestFixture::Busy busy;
    std::optional results = busy.pool.imap(square, this->items_);
    without_memory(fails, [&] { results.reset(); });
    busy.end();
  }
}

TYPED_TEST(PoolBadAlloc, TerminateEndsAll) {
  for (int fails = 0; fails < kMost; ++fails) {
    typename TestFixture::Busy busy;
    auto map = busy.pool.map_async({.chunksize = 1}, square, this->items_);
    busy.go.set();  // a thread cannot be ended
    without_memory(fails, [&] { busy.pool.terminate(); });
    EXPECT_TRUE(map.wait()) << "allocation " << fails;
    EXPECT_TRUE(busy.pool.join());
  }
}

}  // namespace
}  // namespace mp
