// Listener, Client and the connections that they make.

#include "mp/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/address.h"
#include "mp/bytes.h"
#include "mp/client.h"
#include "mp/connection.h"
#include "mp/context.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/function.h"
#include "mp/interruptible.h"
#include "mp/lock.h"
#include "mp/object.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"
#include "mp/wait.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

const char kKey[] = "a key of more than 16 bytes";

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(e.name()) + ": " + e.what();
  }
  return "nothing was thrown";
}

bool begins_with(const std::string& text, const char* begin) { return text.rfind(begin, 0) == 0; }

// Where: "AF_UNIX" or "AF_INET", with or without a key.
struct Way {
  const char* family;
  bool key;
};
class Ways : public testing::Fixture, public ::testing::WithParamInterface<Way> {
 protected:
  std::optional<std::string> key() const {
    return GetParam().key ? std::optional<std::string>(kKey) : std::nullopt;
  }
  ListenerOptions listener_options() const {
    return {.authkey = key(), .family = GetParam().family};
  }
  std::pair<Connection, Connection> connect(ListenerOptions options,
                                            uint64_t max_frame = 64 << 20) {
    Listener listener(options);
    std::optional<Connection> client;
    std::thread other(
        [&] { client = Client(listener.address(), {.max_frame = max_frame, .authkey = key()}); });
    Connection server = listener.accept();
    other.join();
    return {server, *client};
  }
  std::pair<Connection, Connection> connect() { return connect(listener_options()); }

 private:
  testing::Watchdog dog_{60s};
};

INSTANTIATE_TEST_SUITE_P(All, Ways,
                         ::testing::Values(Way{"AF_UNIX", false}, Way{"AF_UNIX", true},
                                           Way{"AF_INET", false}, Way{"AF_INET", true}),
                         [](const auto& info) {
                           return std::string(info.param.family) +
                                  (info.param.key ? "WithKey" : "WithoutKey");
                         });

TEST_P(Ways, ValuesAndBytesGoBothWays) {
  auto [a, b] = connect();
  a.send(std::vector<int>{1, 2, 3});
  EXPECT_EQ(b.recv<std::vector<int>>(), (std::vector<int>{1, 2, 3}));
  Object mixed = {1, 2.5, "three", None, Object{4, "five"}};
  b.send(mixed);
  EXPECT_EQ(a.recv<Object>(), mixed);
  b.send(std::string("text"));
  EXPECT_EQ(a.recv<std::string>(), "text");
  for (size_t size : {0u, 1u, 3u, 100u, 65'000u, 65'536u, 1'000'000u, 8'000'000u}) {
    std::string text(size, 'x');
    std::thread sender([&a = a, &text] { a.send_bytes(text); });
    EXPECT_EQ(b.recv_bytes().view(), text);
    sender.join();
  }
  std::array<std::byte, 8> buffer{};
  a.send_bytes("abc");
  EXPECT_EQ(b.recv_bytes_into(buffer, 2), 3u);
  EXPECT_EQ(buffer[4], std::byte{'c'});
}

TEST_P(Ways, TheEndComesAtAMessagesBoundary) {
  auto [a, b] = connect();
  EXPECT_FALSE(b.poll());
  a.send(1);
  EXPECT_TRUE(b.poll(kForever));
  a.close();
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_TRUE(b.poll());
  EXPECT_THROW(b.recv<int>(), EOFError);
  EXPECT_THROW(b.recv_bytes(), EOFError);
  EXPECT_EQ(error_of([&a = a] { a.recv<int>(); }), "OSError: handle is closed");
  EXPECT_EQ(error_of([&a = a] { a.send(1); }), "OSError: handle is closed");
  EXPECT_EQ(error_of([&a = a] { a.poll(); }), "OSError: handle is closed");
  EXPECT_THROW(
      {
        b.send(1);
        b.send(1);
        b.send(1);
      },
      BrokenPipeError);
}

TEST_P(Ways, AMessageOverTheLimitIsRefused) {
  ListenerOptions options = listener_options();
  options.max_frame = 1000;
  auto [a, b] = connect(options);
  b.send_bytes(std::string(1000, 'x'));
  EXPECT_EQ(a.recv_bytes().size(), 1000u);
  b.send_bytes(std::string(2000, 'x'));
  EXPECT_EQ(error_of([&a = a] { a.recv_bytes(); }), "OSError: bad message length");
  EXPECT_TRUE(begins_with(error_of([&a = a] { a.recv_bytes(); }), "OSError:"));
  EXPECT_TRUE(begins_with(error_of([&b = b] { b.recv_bytes(); }), "EOFError:"));
  EXPECT_TRUE(
      begins_with(error_of([&a = a] { a.send_bytes(std::string(1001, 'x')); }), "ValueError:"));
}

TEST_P(Ways, TheListenerKnowsWhereTheLastOneCameFrom) {
  Listener listener(listener_options());
  EXPECT_EQ(listener.last_accepted(), std::nullopt);
  std::optional<Connection> client;
  std::thread other([&] { client = Client(listener.address(), {.authkey = key()}); });
  listener.accept();
  other.join();
  ASSERT_TRUE(listener.last_accepted().has_value());
  if (listener.address().is_local()) {
    EXPECT_EQ(*listener.last_accepted(), Address()) << "a client's socket has no name";
  } else {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ASSERT_EQ(getsockname(client->fileno(), reinterpret_cast<sockaddr*>(&own), &size), 0);
    EXPECT_EQ(*listener.last_accepted(), Address("127.0.0.1", ntohs(own.sin_port)));
  }
  EXPECT_FALSE(listener.try_accept(0).ok());
  EXPECT_TRUE(listener.last_accepted().has_value()) << "nobody has come since";
}

TEST_P(Ways, WhatMeansNothingElsewhereIsRefused) {
  auto [a, b] = connect();
  auto refused = [](const char* what) {
    return std::string("TypeError: mp: ") + what +
           " means something inside of its family only, and this connection leads out of it: send "
           "values; or, to a process of this family, send it through a Pipe or Queue";
  };
  auto error_of_sending = [&a = a](const auto& value) { return error_of([&] { a.send(value); }); };
  EXPECT_EQ(error_of_sending(Lock()), refused("a handle to an mp object"));
  EXPECT_EQ(error_of_sending(a), refused("a handle to an mp object"));
  EXPECT_EQ(error_of_sending(Object{1, Object{"two", Lock()}}),
            refused("a handle to an mp object"));
  EXPECT_EQ(error_of_sending(std::vector<Queue<int>>(1)), refused("a handle to an mp object"));
  EXPECT_EQ(error_of_sending(Fd::duplicate(0)), refused("a file descriptor"));
  EXPECT_EQ(error_of_sending(Function<int(int)>([](int i) { return i; })), refused("a function"));
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1) << "nothing of the others was sent";
}

TEST_P(Ways, BytesByOffsetAndSize) {
  auto [a, b] = connect();
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  auto arrives = [&a = a, &b = b, &text](int64_t offset, std::optional<int64_t> size = {}) {
    a.send_bytes(text, offset, size);
    return std::string(b.recv_bytes().view());
  };
  EXPECT_EQ(arrives(0), text);
  EXPECT_EQ(arrives(5), text.substr(5));
  EXPECT_EQ(arrives(7, 8), text.substr(7, 8));
  EXPECT_EQ(arrives(26), "");
  EXPECT_EQ(arrives(26, 0), "");
  for (auto [offset, size] :
       {std::pair<int64_t, int64_t>{27, 0}, {22, 5}, {26, 1}, {-1, 1}, {4, -1}}) {
    EXPECT_TRUE(begins_with(
        error_of([&, offset = offset, size = size, &a = a] { a.send_bytes(text, offset, size); }),
        "ValueError:"))
        << offset << ' ' << size;
  }
  EXPECT_FALSE(b.poll()) << "nothing was sent";
}

TEST_P(Ways, ABufferThatIsTooShortGetsTheMessageAsAnError) {
  auto [a, b] = connect();
  a.send_bytes("four bytes are too few");
  a.send_bytes("abcd");
  std::array<std::byte, 4> buffer{std::byte{'-'}, std::byte{'-'}, std::byte{'-'}, std::byte{'-'}};
  try {
    b.recv_bytes_into(buffer);
    ADD_FAILURE() << "it was not too short";
  } catch (const BufferTooShort& e) {
    EXPECT_EQ(e.message(), "four bytes are too few");
  }
  EXPECT_EQ(buffer[0], std::byte{'-'}) << "nothing was written";
  EXPECT_TRUE(begins_with(error_of([&, &b = b] { b.recv_bytes_into(buffer, -1); }), "ValueError:"));
  EXPECT_TRUE(begins_with(error_of([&, &b = b] { b.recv_bytes_into(buffer, 5); }), "ValueError:"));
  EXPECT_EQ(b.recv_bytes_into(buffer), 4u);
  EXPECT_EQ(buffer[3], std::byte{'d'});
}

TEST_P(Ways, AMessageOverMaxlengthEndsReading) {
  auto [a, b] = connect();
  a.send_bytes("12345");
  a.send_bytes("12345");
  EXPECT_EQ(b.recv_bytes(5).view(), "12345");
  EXPECT_TRUE(begins_with(error_of([&b = b] { b.recv_bytes(-1); }), "ValueError:"));
  EXPECT_EQ(error_of([&b = b] { b.recv_bytes(4); }), "OSError: bad message length");
  EXPECT_FALSE(b.readable());
  EXPECT_EQ(error_of([&b = b] { b.recv_bytes(); }), "OSError: connection is write-only");
  EXPECT_EQ(error_of([&b = b] { b.poll(); }), "OSError: connection is write-only");
  b.send(1);
  EXPECT_EQ(a.recv<int>(), 1);
}

TEST(Sockets, OneThatOnlyReadsIsClosedByAMessageOverMaxlength) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  Connection a(pair[0], false, true);
  Connection b(pair[1], true, false);
  EXPECT_EQ(error_of([&] { a.recv<int>(); }), "OSError: connection is write-only");
  EXPECT_EQ(error_of([&] { a.poll(); }), "OSError: connection is write-only");
  EXPECT_EQ(error_of([&] { wait({a}, 0); }), "OSError: connection is write-only");
  EXPECT_EQ(error_of([&] { b.send(1); }), "OSError: connection is read-only");
  a.send_bytes("12345");
  EXPECT_EQ(error_of([&] { b.recv_bytes(4); }), "OSError: bad message length");
  EXPECT_TRUE(b.closed());
}

TEST_P(Ways, MessagesUntilTheOtherEndIsGone) {
  auto [a, b] = connect();
  for (int i : {1, 2, 3}) {
    a.send(i);
  }
  a.close();
  std::vector<int> got;
  for (int i : b.messages<int>()) {
    got.push_back(i);
  }
  EXPECT_EQ(got, (std::vector<int>{1, 2, 3}));
}

void live_until_told(Connection told) {
  try {
    told.recv<int>();
  } catch (const EOFError&) {
  }
}

TEST_P(Ways, WaitTakesThemTogetherWithPipesProcessesAndListeners) {
  auto [a, b] = connect();
  auto [in, out] = Pipe(false);
  auto [told, teller] = Pipe(false);
  Listener listener({.family = GetParam().family});
  Process p(live_until_told, told);
  p.start();
  told.close();
  const std::vector<Waitable> all = {b, in, p, listener};
  EXPECT_TRUE(wait(all, 0).empty());
  a.send(1);
  EXPECT_EQ(wait(all), std::vector<Waitable>{b});
  out.send(2);
  EXPECT_EQ(wait(all), (std::vector<Waitable>{b, in}));
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_EQ(wait(all), std::vector<Waitable>{in});
  EXPECT_EQ(in.recv<int>(), 2);
  EXPECT_TRUE(wait(all, 0.01).empty());
  Connection client = Client(listener.address());
  EXPECT_EQ(wait(all), std::vector<Waitable>{listener});
  Connection server = listener.accept();
  EXPECT_TRUE(wait(all, 0).empty());
  teller.close();
  EXPECT_EQ(wait(all), std::vector<Waitable>{p});
  p.join();
  a.close();
  EXPECT_EQ(wait(all), (std::vector<Waitable>{b, p}));
  EXPECT_THROW(b.recv<int>(), EOFError);
  // As with pipes: what was closed here is an error, not the end.
  b.close();
  EXPECT_EQ(error_of([&] { wait(all, 0); }), "OSError: handle is closed");
}

TEST_P(Ways, WhoSleepsInWaitIsWokenByASocketAsByAPipe) {
  auto [a, b] = connect();
  auto [in, out] = Pipe(false);
  for (int i = 0; i < 20; ++i) {
    std::atomic<pid_t> sleeper{0};
    std::vector<Waitable> ready;
    std::thread waiter([&, &b = b, &in = in] {
      sleeper = gettid();
      ready = wait({b, in});
    });
    while (sleeper == 0) {
      std::this_thread::yield();
    }
    ASSERT_TRUE(testing::await_blocked_in(sleeper, SYS_ppoll));
    const bool by_socket = i % 2 == 0;
    (by_socket ? a : out).send(i);
    waiter.join();
    EXPECT_EQ(ready, std::vector<Waitable>{by_socket ? b : in});
    EXPECT_EQ((by_socket ? b : in).recv<int>(), i);
  }
}

TEST_P(Ways, TheDescriptorIsReadableWhenAMessageIsThere) {
  auto [a, b] = connect();
  pollfd p{b.fileno(), POLLIN, 0};
  EXPECT_EQ(b.fileno(), p.fd);
  EXPECT_EQ(poll(&p, 1, 0), 0);
  a.send_bytes("");
  EXPECT_EQ(poll(&p, 1, -1), 1);
  EXPECT_TRUE(b.poll());
  EXPECT_EQ(b.recv_bytes().size(), 0u) << "an empty message is one";
  EXPECT_EQ(poll(&p, 1, 0), 0);
  EXPECT_FALSE(b.poll(-1));
  EXPECT_FALSE(b.poll(0.01));
  b.close();
  EXPECT_EQ(error_of([&b = b] { b.fileno(); }), "OSError: handle is closed");
}

TEST_P(Ways, UnderInterruptibleASignalEndsAReceive) {
  auto [a, b] = connect();
  interruptible here;
  std::thread other([main = gettid()] {
    testing::await_blocked_in(main, SYS_ppoll);
    kill(getpid(), SIGINT);
  });
  EXPECT_THROW(b.recv<int>(), KeyboardInterrupt);
  other.join();
  a.send(7);
  EXPECT_EQ(b.recv<int>(), 7) << "nothing had been begun";
}

// What others who have it, or had it, rely on.
TEST(Sockets, OneThatWasThereBeforeKeepsItsModes) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  for (int flags : {0, O_NONBLOCK}) {
    ASSERT_EQ(fcntl(pair[1], F_SETFL, flags), 0);
    Connection a(Fd::duplicate(pair[0]).release());
    Connection b(Fd::duplicate(pair[1]).release());
    std::thread sender([&] { a.send(7); });
    EXPECT_EQ(b.recv<int>(), 7);
    sender.join();
    EXPECT_EQ(fcntl(pair[1], F_GETFL) & O_NONBLOCK, flags);
  }
  close(pair[0]);
  close(pair[1]);
}

TEST_P(Ways, CloseEndsTheReceiveOfAnotherThread) {
  auto [a, b] = connect();
  std::atomic<pid_t> sleeper{0};
  std::string error;
  std::thread receiver([&, &b = b] {
    sleeper = gettid();
    error = error_of([&b = b] { b.recv<int>(); });
  });
  while (sleeper == 0) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(testing::await_blocked_in(sleeper, SYS_ppoll));
  b.close();
  receiver.join();
  EXPECT_EQ(error, "OSError: handle is closed");
  EXPECT_THROW(a.recv<int>(), EOFError);
}

void double_next(std::vector<Connection> ends) { ends[0].send(2 * ends[0].recv<int>()); }

// The numbers of the messages, which are in the tags, go on.
TEST_P(Ways, AnEndCrossesAnyWayInTheMiddleOfItsMessages) {
  auto [a, b] = connect();
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    Process p({.context = get_context(method)}, double_next, std::vector<Connection>{b});
    p.start();
    a.send(21);
    EXPECT_EQ(a.recv<int>(), 42) << method;
    p.join();
    EXPECT_EQ(p.exitcode(), 0) << method;
    a.send(5);
    EXPECT_EQ(b.recv<int>(), 5);
    b.send(6);
    EXPECT_EQ(a.recv<int>(), 6);
  }
  // Python wants to be told that they may; here they may.
  allow_connection_pickling();
  Queue<std::vector<Connection>> queue;
  queue.put({b});
  b.close();
  Connection again = queue.get()[0];
  again.send(7);
  EXPECT_EQ(a.recv<int>(), 7);
  a.send(8);
  EXPECT_EQ(again.recv<int>(), 8);
}

constexpr int kMarked = 300;
// Message `i`: of a length of its own.
size_t length_of(int i) { return static_cast<size_t>(1 + i * 37 % 5000); }

void send_marked(Connection end, int mark) {
  for (int i = 0; i < kMarked; ++i) {
    end.send(std::vector<int>(length_of(i), kMarked * mark + i));
  }
}

TEST_P(Ways, TwoProcessesThatSendAtOneEndDoNotMixTheirMessages) {
  auto [a, b] = connect();
  Process first(send_marked, a, 0);
  Process second(send_marked, a, 1);
  first.start();
  second.start();
  a.close();
  int next[2] = {0, 0};
  for (const std::vector<int>& message : b.messages<std::vector<int>>()) {
    int mark = message[0] / kMarked;
    int i = message[0] % kMarked;
    EXPECT_EQ(message, std::vector<int>(length_of(i), kMarked * mark + i));
    EXPECT_EQ(i, next[mark]++) << "those of one sender come in their order";
  }
  EXPECT_EQ(next[0], kMarked);
  EXPECT_EQ(next[1], kMarked);
  first.join();
  second.join();
}

// Says which messages came whole.
void receive_marked(Connection end, Queue<int> whole) {
  for (const std::vector<int>& message : end.messages<std::vector<int>>()) {
    whole.put(message == std::vector<int>(length_of(message[0] % kMarked), message[0]) ? message[0]
                                                                                       : -1);
  }
}

TEST_P(Ways, TwoProcessesThatReceiveAtOneEndGetEachMessageOnce) {
  auto [a, b] = connect();
  Queue<int> whole;
  Process first(receive_marked, b, whole);
  Process second(receive_marked, b, whole);
  first.start();
  second.start();
  b.close();
  send_marked(a, 0);
  a.close();
  first.join();
  second.join();
  std::vector<int> got;
  while (!whole.empty()) {
    got.push_back(whole.get());
  }
  std::sort(got.begin(), got.end());
  ASSERT_EQ(got.size(), static_cast<size_t>(kMarked));
  for (int i = 0; i < kMarked; ++i) {
    EXPECT_EQ(got[static_cast<size_t>(i)], i);
  }
}

}  // namespace
}  // namespace mp
