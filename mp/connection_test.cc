// What who sleeps at one end of a pipe learns of deaths at the other. No slice ends here: what does
// not come by itself does not come.

#include "mp/connection.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "mp/context.h"
#include "mp/errors.h"
#include "mp/internal/shm/family.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

// Says that it is there, and then holds its end.
void hold(Connection end) {
  end.send(1);
  for (;;) {
    pause();
  }
}
// Closes its end when it is told to, and stays.
void close_when_told(Connection end, Connection told) {
  end.send(1);
  told.recv<int>();
  end.close();
  told.send(1);
  for (;;) {
    pause();
  }
}
// Holds the end that it is sent.
void hold_what_comes(Queue<Connection> ends) { hold(ends.get()); }

// Fills the pipe until a send() waits.
void send_without_end(Connection end) {
  const std::string text(10'000, 'x');
  for (;;) {
    end.send(text);
  }
}

class ConnectionDeath : public testing::Fixture, public ::testing::WithParamInterface<const char*> {
 protected:
  ConnectionDeath() { slices(std::chrono::hours(1)); }
  ~ConnectionDeath() override { slices(100ms); }

  template <class F, class... A>
  Process start(F f, A... a) {
    Process p({.context = get_context(GetParam())}, f, a...);
    p.start();
    return p;
  }
  // Does `what` once this thread is asleep in a futex.
  template <class F>
  std::thread once_asleep(F what) {
    return std::thread([what] {
      EXPECT_TRUE(testing::await_asleep(getpid()));
      what();
    });
  }

 private:
  static void slices(std::chrono::nanoseconds length) {
    internal::Family::get().header().slice_ns.store(length.count());
  }
  testing::Watchdog dog_{60s};
};

TEST_P(ConnectionDeath, EndsARecv) {
  auto [a, b] = Pipe();
  Process p = start(hold, b);
  b.close();
  a.recv<int>();
  std::thread killer = once_asleep([&] { p.kill(); });
  EXPECT_THROW(a.recv<int>(), EOFError);
  killer.join();
  p.join();
}

TEST_P(ConnectionDeath, EndsAPoll) {
  auto [a, b] = Pipe(false);
  Process p = start(hold, b);
  b.close();
  a.recv<int>();
  std::thread killer = once_asleep([&] { p.kill(); });
  EXPECT_TRUE(a.poll(kForever));
  killer.join();
  p.join();
}

TEST_P(ConnectionDeath, EndsASendThatWaitsForRoom) {
  auto [a, b] = Pipe();
  Process p = start(hold, b);
  b.close();
  a.recv<int>();
  std::thread killer = once_asleep([&] { p.kill(); });
  EXPECT_THROW(send_without_end(a), BrokenPipeError);
  killer.join();
  p.join();
}

TEST_P(ConnectionDeath, OfTheLastHolderCountsWhoeverClosedBeforeIt) {
  auto [told, ours] = Pipe();
  Connection tell = ours;
  // Whichever of the two is watched first.
  for (bool first_closes : {true, false}) {
    auto [a, b] = Pipe();
    Process p = first_closes ? start(close_when_told, b, told) : start(hold, b);
    a.recv<int>();
    Process q = first_closes ? start(hold, b) : start(close_when_told, b, told);
    a.recv<int>();
    b.close();
    std::thread killer = once_asleep([&] {
      tell.send(1);
      tell.recv<int>();
      EXPECT_TRUE(testing::await_asleep(getpid()));
      (first_closes ? q : p).kill();
    });
    EXPECT_THROW(a.recv<int>(), EOFError);
    killer.join();
    p.kill();
    q.kill();
    p.join();
    q.join();
  }
}

TEST_P(ConnectionDeath, OfAHolderThatIsNotTheLastIsNoEnd) {
  auto [a, b] = Pipe();
  Process p = start(hold, b);
  a.recv<int>();
  Process q = start(hold, b);
  a.recv<int>();
  b.close();
  std::thread killer = once_asleep([&] {
    p.kill();
    p.join();
    EXPECT_TRUE(testing::await_asleep(getpid()));
    q.kill();
  });
  EXPECT_THROW(a.recv<int>(), EOFError);
  killer.join();
  q.join();
}

TEST_P(ConnectionDeath, OfWhoGotTheEndInAMessageMeanwhile) {
  Queue<Connection> ends;
  Process p = start(hold_what_comes, ends);
  auto [a, b] = Pipe();
  std::thread other = once_asleep([&, end = b] {
    ends.put(end);
    end.close();
  });
  a.recv<int>();
  other.join();
  std::thread killer = once_asleep([&] { p.kill(); });
  EXPECT_THROW(a.recv<int>(), EOFError);
  killer.join();
  p.join();
}

TEST_P(ConnectionDeath, ClosingTheLastHandleHereEndsARecvOfAnotherThread) {
  auto [a, b] = Pipe();
  std::thread closer = once_asleep([end = b] { end.close(); });
  EXPECT_THROW(a.recv<int>(), EOFError);
  closer.join();
}

INSTANTIATE_TEST_SUITE_P(StartMethods, ConnectionDeath,
                         ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace mp
