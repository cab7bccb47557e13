// A forked copy of a pool does nothing: every method says whose it is.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/pool.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/remote_error.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"
#include "mp/thread_pool.h"

namespace mp::testing {
namespace {

template <class P>
class PoolFork : public Fixture {
 private:
  Watchdog dog_{std::chrono::seconds(60)};
};
using Pools = ::testing::Types<Pool, ThreadPool>;
TYPED_TEST_SUITE(PoolFork, Pools);

int square(int x) { return x * x; }

std::string outcome(const std::function<void()>& call) {
  try {
    call();
    return "done";
  } catch (const AssertionError& e) {
    return e.what();
  } catch (...) {
    return "another error";
  }
}

TYPED_TEST(PoolFork, ACopySaysWhoseItIs) {
  TypeParam pool(1);
  Event begun, go;
  auto r = pool.apply_async(
      [](Event b, Event g) {
        b.set();
        g.wait();
        return 7;
      },
      begun, go);
  begun.wait();
  const std::vector<int> in{1, 2, 3};
  auto it = pool.imap(square, in);
  Queue<std::string> found;
  ForkProcess p([&] {
    const std::function<void()> calls[] = {
        [&] { r.get(); },
        [&] { r.ready(); },
        [&] { r.cancel(); },
        [&] { r.then([](int x) { return x; }); },
        [&] { it.next(); },
        [&] { pool.apply(square, 1); },
        [&] { pool.apply_async(square, 1); },
        [&] { pool.map(square, in); },
        [&] { pool.imap(square, in); },
        [&] { pool.resize(2); },
        [&] { pool.size(); },
        [&] { pool.close(); },
        [&] { pool.join(); },
        [&] { pool.terminate(); },
    };
    for (const auto& call : calls) {
      found.put(outcome(call));
    }
    found.put("end");
  });
  p.start();
  const std::string expected = "mp: this pool belongs to process " + std::to_string(getpid());
  int n = 0;
  for (std::string f = found.get(); f != "end"; f = found.get()) {
    EXPECT_EQ(f, expected) << n;
    ++n;
  }
  EXPECT_EQ(n, 14);
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  p.close();
  go.set();
  EXPECT_EQ(r.get(), 7);
  EXPECT_EQ(it.next(), 1);
}

}  // namespace
}  // namespace mp::testing
