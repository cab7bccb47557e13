// The descriptor of a connection, and wait(). No slice ends here: what does not come by itself does not come.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/connection.h"
#include "mp/context.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/internal/core/bells.h"
#include "mp/internal/os/doorbell.h"
#include "mp/internal/shm/family.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"
#include "mp/wait.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

bool readable(int fd, int timeout_ms = 0) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, timeout_ms) > 0;
}
bool becomes_readable(int fd) { return readable(fd, -1); }

// Sends back what comes; a 0 ends it.
void echo(Connection end) {
  for (int n; (n = end.recv<int>()) != 0;) {
    end.send(n);
  }
}
// Says that it is there, and then holds its end.
void hold(Connection end) {
  end.send(1);
  for (;;) {
    pause();
  }
}
// Closes its end when it is told to, and stays.
void close_when_told(Connection end, Connection told) {
  told.recv<int>();
  end.close();
  told.send(1);
  for (;;) {
    pause();
  }
}

// It is readable for nothing as long as another process, which was told of the death too, is at clearing up after it.
void await_end(const Connection& a, int fd) {
  do {
    ASSERT_TRUE(becomes_readable(fd));
  } while (!a.poll());
}

class ConnectionFd : public testing::Fixture, public ::testing::WithParamInterface<const char*> {
 protected:
  ConnectionFd() { slices(std::chrono::hours(1)); }
  ~ConnectionFd() override { slices(100ms); }

  template <class F, class... A>
  Process start(F f, A... a) {
    Process p({.context = get_context(GetParam())}, f, a...);
    p.start();
    return p;
  }
  static void end(const Process& p) {
    p.kill();
    p.join();
  }

 private:
  static void slices(std::chrono::nanoseconds length) {
    internal::Family::get().header().slice_ns.store(length.count());
  }
  testing::Watchdog dog_{60s};
};

INSTANTIATE_TEST_SUITE_P(EachMethod, ConnectionFd, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(ConnectionFd, IsReadableWhileThereIsAMessage) {
  auto [a, b] = Pipe();
  int fd = a.fileno();
  EXPECT_EQ(a.fileno(), fd);
  EXPECT_FALSE(readable(fd));
  for (int round = 0; round < 3; ++round) {
    b.send(1);
    EXPECT_TRUE(readable(fd));
    b.send_bytes("");
    EXPECT_EQ(a.recv<int>(), 1);
    EXPECT_TRUE(readable(fd));
    EXPECT_TRUE(a.poll());
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(a.recv_bytes().size(), 0u);
    EXPECT_FALSE(readable(fd));
  }
  b.close();
  EXPECT_TRUE(readable(fd));
  EXPECT_TRUE(a.poll());
  EXPECT_TRUE(readable(fd));
  EXPECT_THROW(a.recv<int>(), EOFError);
  EXPECT_TRUE(readable(fd));
}

TEST_P(ConnectionFd, IsReadableForWhatCameBefore) {
  auto [a, b] = Pipe();
  b.send(1);
  EXPECT_TRUE(readable(a.fileno()));
  EXPECT_EQ(a.recv<int>(), 1);
  EXPECT_FALSE(readable(a.fileno()));
  b.send(2);
  b.close();
  EXPECT_TRUE(readable(a.fileno()));
  EXPECT_EQ(a.recv<int>(), 2);
  EXPECT_TRUE(readable(a.fileno()));
}

TEST_P(ConnectionFd, IsClosedWithItsConnection) {
  auto [a, b] = Pipe();
  Connection copy = a;
  int fd = a.fileno();
  EXPECT_EQ(copy.fileno(), fd);
  a.close();
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
  EXPECT_THROW(copy.fileno(), OSError);
  b.fileno();
}

TEST_P(ConnectionFd, OfAnEndThatOnlySendsThereIsNone) {
  auto [r, w] = Pipe(false);
  EXPECT_THROW(w.fileno(), OSError);
}

TEST_P(ConnectionFd, IsRungByAnotherProcess) {
  auto [a, b] = Pipe();
  Process p = start(echo, b);
  b.close();
  int fd = a.fileno();
  for (int i = 1; i < 100; ++i) {
    a.send(i);
    EXPECT_TRUE(becomes_readable(fd));
    EXPECT_EQ(a.recv<int>(), i);
    EXPECT_FALSE(readable(fd)) << i;
  }
  a.send(0);
  EXPECT_TRUE(becomes_readable(fd));
  EXPECT_THROW(a.recv<int>(), EOFError);
  p.join();
}

TEST_P(ConnectionFd, ADeathMakesItReadable) {
  auto [a, b] = Pipe();
  Process p = start(hold, b);
  b.close();
  EXPECT_EQ(a.recv<int>(), 1);
  int fd = a.fileno();
  EXPECT_FALSE(readable(fd));
  p.kill();
  await_end(a, fd);
  EXPECT_THROW(a.recv<int>(), EOFError);
  p.join();
}

// The parent's own end is closed after the descriptor was made.
TEST_P(ConnectionFd, AHolderIsFoundWhenThisProcessClosesTheOtherEnd) {
  auto [a, b] = Pipe();
  int fd = a.fileno();
  Process p = start(hold, b);
  EXPECT_TRUE(becomes_readable(fd));
  EXPECT_EQ(a.recv<int>(), 1);
  b.close();
  EXPECT_FALSE(readable(fd));
  p.kill();
  await_end(a, fd);
  EXPECT_THROW(a.recv<int>(), EOFError);
  p.join();
}

// One of two holders dies: readable for nothing, until poll() says so; then the other one counts.
TEST_P(ConnectionFd, TheDeathOfOneHolderOfTwoIsNotTheEnd) {
  auto [a, b] = Pipe();
  Process first = start(hold, b);
  EXPECT_EQ(a.recv<int>(), 1);
  Process second = start(hold, b);
  EXPECT_EQ(a.recv<int>(), 1);
  b.close();
  int fd = a.fileno();
  EXPECT_FALSE(readable(fd));
  first.kill();
  first.join();
  EXPECT_FALSE(a.poll());
  EXPECT_FALSE(readable(fd));
  second.kill();
  await_end(a, fd);
  EXPECT_THROW(a.recv<int>(), EOFError);
  second.join();
}

TEST_P(ConnectionFd, AHolderThatClosesItsEndIsNotWatchedAnyMore) {
  auto [a, b] = Pipe();
  auto [tell, told] = Pipe();
  Process closer = start(close_when_told, b, told);
  Process holder = start(hold, b);
  EXPECT_EQ(a.recv<int>(), 1);
  b.close();
  int fd = a.fileno();
  tell.send(1);
  EXPECT_EQ(tell.recv<int>(), 1);
  a.poll();
  EXPECT_FALSE(readable(fd));
  holder.kill();
  await_end(a, fd);
  EXPECT_THROW(a.recv<int>(), EOFError);
  holder.join();
  end(closer);
}

void poll_by_descriptor(Connection end, Connection answer) {
  int fd = end.fileno();
  answer.send(1);
  answer.send(becomes_readable(fd) ? 2 : 3);
  end.recv<int>();
}

// Each of several processes has a descriptor of its own, also after a fork.
TEST_P(ConnectionFd, SeveralProcessesHaveEachItsOwn) {
  auto [a, b] = Pipe();
  auto [say, answer] = Pipe();
  int fd = a.fileno();
  Process p = start(poll_by_descriptor, a, answer);
  EXPECT_EQ(say.recv<int>(), 1);
  b.send(5);
  EXPECT_TRUE(becomes_readable(fd));
  EXPECT_EQ(say.recv<int>(), 2);
  p.join();
  // Theirs is gone, ours is not.
  EXPECT_FALSE(a.poll());
  EXPECT_FALSE(readable(fd));
  b.send(6);
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(a.recv<int>(), 6);
}

// Only who knows the secret of a doorbell can ring it.
TEST(Doorbell, StrangersAreNotHeard) {
  internal::UniqueFd bell;
  internal::DoorbellAddress address;
  ASSERT_EQ(internal::make_doorbell(&bell, &address), 0);
  EXPECT_FALSE(readable(bell.get()));
  for (uint64_t guess : {uint64_t{0}, address.secret ^ 1, address.secret ^ (uint64_t{1} << 63)}) {
    internal::ring_doorbell(-1, {address.name, guess});
  }
  EXPECT_FALSE(readable(bell.get()));
  // Far more often than its queue is long.
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(internal::ring_doorbell(-1, address));
  }
  EXPECT_TRUE(readable(bell.get()));
  internal::silence_doorbell(bell.get());
  EXPECT_FALSE(readable(bell.get()));
  bell.reset();
  EXPECT_FALSE(internal::ring_doorbell(-1, address));
}

// More bells than fit into the buffer of one socket, none of which is listened to.
TEST(Doorbell, ManyRungBellsDoNotMuteTheNext) {
  std::vector<std::pair<Connection, Connection>> pipes;
  for (int i = 0; i < 300; ++i) {
    pipes.push_back(Pipe());
  }
  for (auto& [a, b] : pipes) {
    a.fileno();
    b.send(1);
    EXPECT_TRUE(readable(a.fileno()));
  }
}

TEST_P(ConnectionFd, WaitReturnsWhatIsReady) {
  auto [a, b] = Pipe();
  auto [c, d] = Pipe();
  EXPECT_TRUE(wait({a, c}, 0).empty());
  EXPECT_TRUE(wait({a, c}, -1).empty());
  EXPECT_TRUE(wait({a, c}, 0.01).empty());
  EXPECT_TRUE(wait({}, 0.01).empty());
  d.send(1);
  std::vector<Waitable> ready = wait({a, c});
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_TRUE(ready[0] == c);
  EXPECT_FALSE(ready[0] == a);
  b.close();
  std::vector<Connection> list = {a, c};
  EXPECT_EQ(wait(list), list);
  c.recv<int>();
  EXPECT_EQ(wait(list), std::vector<Connection>{a});
  auto [r, w] = Pipe(false);
  EXPECT_THROW(wait({w}, 0), OSError);
  EXPECT_THROW(wait({-1}, 0), ValueError);
  EXPECT_THROW(wait({987654}, 0), OSError);
  a.close();
  EXPECT_THROW(wait(list, 0), OSError);
}

TEST_P(ConnectionFd, WaitIsWokenByMessagesDescriptorsAndEnds) {
  // One after the other: a child by fork holds what its parent holds.
  auto [c, d] = Pipe();
  Process holder = start(hold, d);
  d.close();
  auto [a, b] = Pipe();
  Process echoes = start(echo, b);
  b.close();
  EXPECT_EQ(c.recv<int>(), 1);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Fd r(ends[0]), w(ends[1]);
  for (int i = 1; i < 50; ++i) {
    a.send(i);
    std::vector<Waitable> ready = wait({a, c, r, echoes, holder});
    ASSERT_EQ(ready.size(), 1u);
    EXPECT_TRUE(ready[0] == a);
    EXPECT_EQ(a.recv<int>(), i);
  }
  std::thread writer([&] { EXPECT_EQ(write(w.get(), "x", 1), 1); });
  std::vector<Waitable> ready = wait({a, c, r, echoes, holder});
  writer.join();
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_TRUE(ready[0] == r);
  holder.kill();
  // Its death and the end of its connection may be seen one after the other.
  ready = wait({c});
  EXPECT_EQ(ready.size(), 1u);
  EXPECT_THROW(c.recv<int>(), EOFError);
  ready = wait({a, holder});
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_TRUE(ready[0] == holder);
  a.send(0);
  echoes.join();
  holder.join();
}

TEST_P(ConnectionFd, SeveralThreadsWaitForTheSame) {
  auto [a, b] = Pipe();
  std::vector<std::thread> threads;
  for (int i = 0; i < internal::PipeRing::kBells + 3; ++i) {
    threads.emplace_back([&a = a] { EXPECT_EQ(wait({a}).size(), 1u); });
  }
  b.send(1);
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(a.recv<int>(), 1);
}

}  // namespace
}  // namespace mp
