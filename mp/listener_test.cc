// Listener, Client and the connections that they make.

#include "mp/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
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
#include "mp/lock.h"
#include "mp/object.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

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

TEST_P(Ways, WhatMeansNothingElsewhereIsRefused) {
  auto [a, b] = connect();
  EXPECT_THROW(a.send(Lock()), TypeError);
  EXPECT_THROW(a.send(a), TypeError);
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
}

}  // namespace
}  // namespace mp
