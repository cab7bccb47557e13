// What who sleeps at one end of a pipe learns of deaths at the other. No slice ends here: what does
// not come by itself does not come.

#include "mp/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/bytes.h"
#include "mp/context.h"
#include "mp/errors.h"
#include "mp/internal/shm/family.h"
#include "mp/message_view.h"
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

class ConnectionView : public testing::Fixture {
 private:
  testing::Watchdog dog_{60s};
};

bool lies_in_the_arena(const void* at) {
  const internal::Arena& arena = internal::Family::get().arena();
  return at >= arena.base() && at < arena.base() + arena.header().size;
}

TEST_F(ConnectionView, IsWhereTheMessageLies) {
  auto [a, b] = Pipe();
  for (size_t size : {size_t{0}, size_t{5}, size_t{70'000}, size_t{3'000'000}}) {
    const std::string text(size, 'v');
    a.send(text);
    a.send_bytes(text);
    a.send("next");
    MessageView<std::string> view = b.recv_view<std::string>();
    MessageView<Bytes> bytes = b.recv_bytes_view();
    EXPECT_EQ(b.recv<std::string>(), "next");
    EXPECT_EQ(*view, text);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()), text);
    EXPECT_TRUE(size < 70'000 ||
                (lies_in_the_arena(view->data()) && lies_in_the_arena(bytes->data())));
  }
  a.send(std::vector<double>{1.5, 2.5});
  EXPECT_EQ((*b.recv_view<std::vector<double>>())[1], 2.5);
}

TEST_F(ConnectionView, DoesNotCountAsUnread) {
  auto [a, b] = Pipe();
  std::vector<MessageView<std::string>> views;
  // Far more than the other end may be ahead.
  for (int i = 0; i < 100; ++i) {
    a.send(std::string(100'000, static_cast<char>('a' + i % 26)));
    views.push_back(b.recv_view<std::string>());
  }
  for (size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(views[i]->back(), static_cast<char>('a' + i % 26));
  }
}

TEST_F(ConnectionView, OutlivesBothEnds) {
  std::optional<MessageView<std::string>> view;
  {
    auto [a, b] = Pipe();
    a.send(std::string(200'000, 'v'));
    view.emplace(b.recv_view<std::string>());
  }
  EXPECT_EQ(view->value(), std::string(200'000, 'v'));
}

TEST_F(ConnectionView, RaisesWhatRecvDoes) {
  auto [a, b] = Pipe(false);
  EXPECT_THROW(b.recv_view<std::string>(), OSError);
  b.send(5);
  EXPECT_THROW(a.recv_view<std::string>(), TypeError);
  b.send_bytes("raw");
  EXPECT_THROW(a.recv_view<std::string>(), CodecError);
  // Both were taken off.
  EXPECT_FALSE(a.poll());
  b.close();
  EXPECT_THROW(a.recv_view<std::string>(), EOFError);
  EXPECT_THROW(a.recv_bytes_view(), EOFError);
}

TEST_F(ConnectionView, IsGoneWithItsProcess) {
  auto [a, b] = Pipe();
  for (size_t size : {size_t{10}, size_t{200'000}}) {
    a.send(std::string(size, 'v'));
    ForkProcess viewer([b = b] {
      MessageView<std::string> view = b.recv_view<std::string>();
      b.send(1);
      for (;;) {
        pause();
      }
    });
    viewer.start();
    EXPECT_EQ(a.recv<int>(), 1);
    viewer.kill();
    viewer.join();
    EXPECT_FALSE(b.poll());
  }
  a.send("still");
  EXPECT_EQ(b.recv<std::string>(), "still");
}

TEST_F(ConnectionView, OfASocketIsACopy) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  Connection a(ends[0]);
  Connection b(ends[1]);
  a.send(std::string("a value"));
  a.send_bytes("bytes");
  MessageView<std::string> view = b.recv_view<std::string>();
  MessageView<Bytes> bytes = b.recv_bytes_view();
  MessageView<std::string> moved = std::move(view);
  EXPECT_EQ(*moved, "a value");
  EXPECT_EQ(bytes->size(), 5u);
}

}  // namespace
}  // namespace mp
