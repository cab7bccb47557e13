// The reference's tests of connections, as far as they are about pipes: _TestConnection, _TestPoll,
// _TestPicklingConnections, TestIgnoreEINTR.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mp/bytes.h"
#include "mp/fd.h"
#include "mp/object.h"
#include "mp/parity/backends.h"
#include "mp/testing/proc.h"

namespace mp::testing {
namespace {

constexpr char kSentinel[] = "sentinel";

std::string text(const Bytes& bytes) { return std::string(bytes.view()); }

// Sends back what comes, until the sentinel.
template <class B>
void echo(typename B::Connection conn) {
  for (;;) {
    Bytes message = conn.recv_bytes();
    if (message.view() == kSentinel) {
      return;
    }
    conn.send_bytes(message.view());
  }
}
template <class B>
void echo_values(typename B::Connection conn, int count) {
  for (int i = 0; i < count; ++i) {
    conn.send(conn.template recv<Object>());
  }
}

template <class B>
class TestConnection : public ParityTest {};
TYPED_TEST_SUITE(TestConnection, Backends, BackendNames);

TYPED_TEST(TestConnection, test_connection) {
  auto [conn, child_conn] = TypeParam::Pipe();
  auto values = start<TypeParam>(echo_values<TypeParam>, child_conn, 2);
  Object sequence = {1, 2.25, None};
  conn.send(sequence);
  EXPECT_EQ(conn.template recv<Object>(), sequence);
  conn.send(None);
  EXPECT_TRUE(conn.poll(kForever));
  EXPECT_EQ(conn.template recv<Object>(), Object(None));
  finish(values);

  auto p = start<TypeParam>(echo<TypeParam>, child_conn);
  std::string message = "hello world";
  std::string long_message;
  for (int i = 0; i < 10; ++i) {
    long_message += message;
  }
  conn.send_bytes(message);
  EXPECT_EQ(text(conn.recv_bytes()), message);

  std::array<int, 10> buffer{};
  const std::array<int, 4> numbers = {0, 1, 2, 3};
  conn.send_bytes(std::as_bytes(std::span(numbers)));
  EXPECT_EQ(conn.recv_bytes_into(std::as_writable_bytes(std::span(buffer))), sizeof numbers);
  EXPECT_EQ(buffer, (std::array<int, 10>{0, 1, 2, 3, 0, 0, 0, 0, 0, 0}));
  buffer = {};
  conn.send_bytes(std::as_bytes(std::span(numbers)));
  EXPECT_EQ(conn.recv_bytes_into(std::as_writable_bytes(std::span(buffer)), 3 * sizeof(int)),
            sizeof numbers);
  EXPECT_EQ(buffer, (std::array<int, 10>{0, 0, 0, 0, 1, 2, 3, 0, 0, 0}));
  std::array<char, 40> small;
  conn.send_bytes(long_message);
  try {
    conn.recv_bytes_into(std::as_writable_bytes(std::span(small)));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const BufferTooShort& e) {
    EXPECT_EQ(e.message(), long_message);
  }

  EXPECT_FALSE(conn.poll());
  EXPECT_FALSE(conn.poll(-1));
  EXPECT_GE(seconds([&conn = conn] { EXPECT_FALSE(conn.poll(kTimeout1)); }), kTimeout1);

  std::string really_big_message(16 << 20, 'X');
  conn.send_bytes(really_big_message);
  EXPECT_TRUE(text(conn.recv_bytes()) == really_big_message);

  conn.send_bytes(kSentinel);
  child_conn.close();
  finish(p);
  EXPECT_TRUE(conn.readable());
  EXPECT_TRUE(conn.writable());
  EXPECT_TRUE(begins_with(error_of([&conn = conn] { conn.template recv<int>(); }), "EOFError:"));
  EXPECT_TRUE(begins_with(error_of([&conn = conn] { conn.recv_bytes(); }), "EOFError:"));
  EXPECT_TRUE(begins_with(error_of([&conn = conn] { conn.send(1); }), "BrokenPipeError:"));
  EXPECT_TRUE(conn.poll());
}

TYPED_TEST(TestConnection, test_duplex_false) {
  auto [reader, writer] = TypeParam::Pipe(false);
  writer.send(1);
  EXPECT_EQ(reader.template recv<int>(), 1);
  EXPECT_TRUE(reader.readable());
  EXPECT_FALSE(reader.writable());
  EXPECT_FALSE(writer.readable());
  EXPECT_TRUE(writer.writable());
  EXPECT_EQ(error_of([&r = reader] { r.send(2); }), "OSError: connection is read-only");
  EXPECT_EQ(error_of([&w = writer] { w.template recv<int>(); }),
            "OSError: connection is write-only");
  EXPECT_EQ(error_of([&w = writer] { w.poll(); }), "OSError: connection is write-only");
}

TYPED_TEST(TestConnection, test_spawn_close) {
  auto [conn, child_conn] = TypeParam::Pipe();
  auto p = start<TypeParam>(echo<TypeParam>, child_conn);
  child_conn.close();
  conn.send_bytes("hello");
  EXPECT_EQ(text(conn.recv_bytes()), "hello");
  conn.send_bytes(kSentinel);
  conn.close();
  finish(p);
}

TYPED_TEST(TestConnection, test_sendbytes) {
  auto [a, b] = TypeParam::Pipe();
  const std::string message = "abcdefghijklmnopqrstuvwxyz";
  a.send_bytes(message);
  EXPECT_EQ(text(b.recv_bytes()), message);
  a.send_bytes(message, 5);
  EXPECT_EQ(text(b.recv_bytes()), message.substr(5));
  a.send_bytes(message, 7, 8);
  EXPECT_EQ(text(b.recv_bytes()), message.substr(7, 8));
  a.send_bytes(message, 26);
  EXPECT_EQ(text(b.recv_bytes()), "");
  a.send_bytes(message, 26, 0);
  EXPECT_EQ(text(b.recv_bytes()), "");
  auto error = [&, &a = a](int64_t offset, std::optional<int64_t> size = {}) {
    return error_of([&] { a.send_bytes(message, offset, size); });
  };
  EXPECT_EQ(error(27), "ValueError: buffer length < offset");
  EXPECT_EQ(error(22, 5), "ValueError: buffer length < offset + size");
  EXPECT_EQ(error(26, 1), "ValueError: buffer length < offset + size");
  EXPECT_EQ(error(-1), "ValueError: offset is negative");
  EXPECT_EQ(error(4, -1), "ValueError: size is negative");
  EXPECT_EQ(error(1, std::numeric_limits<int64_t>::max()),
            "ValueError: buffer length < offset + size");
  EXPECT_FALSE(b.poll());
}

// The checks of the other byte calls, and what a message does to a connection that does not want it.
TYPED_TEST(TestConnection, ALongMessageEndsTheReading) {
  auto [a, b] = TypeParam::Pipe();
  a.send_bytes("12345");
  EXPECT_EQ(error_of([&b = b] { b.recv_bytes(-1); }), "ValueError: negative maxlength");
  std::array<std::byte, 8> buffer;
  EXPECT_EQ(error_of([&, &b = b] { b.recv_bytes_into(buffer, -1); }),
            "ValueError: negative offset");
  EXPECT_EQ(error_of([&, &b = b] { b.recv_bytes_into(buffer, 9); }),
            "ValueError: offset too large");
  EXPECT_EQ(error_of([&, &b = b] { b.recv_bytes_into(buffer, 8); }).substr(0, 15),
            "BufferTooShort:");
  a.send_bytes("12345");
  EXPECT_EQ(text(b.recv_bytes(5)), "12345");
  a.send_bytes("12345");
  EXPECT_EQ(error_of([&b = b] { b.recv_bytes(4); }), "OSError: bad message length");
  EXPECT_FALSE(b.readable());
  EXPECT_FALSE(b.closed());
  EXPECT_EQ(error_of([&b = b] { b.recv_bytes(); }), "OSError: connection is write-only");
  b.send(1);
  EXPECT_EQ(a.template recv<int>(), 1);
  auto [r, w] = TypeParam::Pipe(false);
  w.send_bytes("12345");
  EXPECT_EQ(error_of([&r = r] { r.recv_bytes(0); }), "OSError: bad message length");
  EXPECT_TRUE(r.closed());
}

TYPED_TEST(TestConnection, IteratesUntilTheEnd) {
  auto [a, b] = TypeParam::Pipe();
  for (int i = 0; i < 5; ++i) {
    a.send(i);
  }
  a.close();
  std::vector<int> all;
  for (int i : b.template messages<int>()) {
    all.push_back(i);
  }
  EXPECT_EQ(all, (std::vector<int>{0, 1, 2, 3, 4}));
}

TYPED_TEST(TestConnection, SendsWhatIsWrittenInBraces) {
  auto [a, b] = TypeParam::Pipe();
  a.send({1, "a", None});
  EXPECT_EQ(b.template recv<Object>(), (Object{1, "a", None}));
}

// A file that the test made; gone with this object.
class TemporaryFile {
 public:
  TemporaryFile() {
    const char* directory = std::getenv("TEST_TMPDIR");
    path_ = std::string(directory != nullptr ? directory : "/tmp") + "/parityXXXXXX";
    fd_.reset(mkostemp(path_.data(), O_CLOEXEC));
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  const Fd& fd() const { return fd_; }
  std::string content() const {
    std::ifstream file(path_);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

 private:
  std::string path_;
  Fd fd_;
};

template <class B>
void write_to_fd(typename B::Connection conn, bool fill_low_numbers) {
  std::vector<Fd> others;
  while (fill_low_numbers && (others.empty() || others.back().get() < 256)) {
    others.push_back(Fd::duplicate(2));
  }
  Fd fd = conn.template recv<Fd>();
  conn.send(write(fd.get(), "foo", 3) == 3 ? fd.get() : -1);
}

TYPED_TEST(TestConnection, test_fd_transfer) {
  TemporaryFile file;
  auto [conn, child_conn] = TypeParam::Pipe();
  auto p = start<TypeParam>(write_to_fd<TypeParam>, child_conn, false);
  conn.send(file.fd());
  EXPECT_GE(conn.template recv<int>(), 0);
  finish(p);
  EXPECT_EQ(file.content(), "foo");
}

TYPED_TEST(TestConnection, test_large_fd_transfer) {
  TemporaryFile file;
  Fd large(fcntl(file.fd().get(), F_DUPFD_CLOEXEC, 300));
  ASSERT_GE(large.get(), 300);
  auto [conn, child_conn] = TypeParam::Pipe();
  auto p = start<TypeParam>(write_to_fd<TypeParam>, child_conn, true);
  conn.send(large);
  int used = conn.template recv<int>();
  // Between threads the duplicate is made by send().
  EXPECT_GT(used, TypeParam::kProcesses ? 255 : 0);
  finish(p);
  EXPECT_EQ(file.content(), "foo");
}

// What comes is no descriptor.
TYPED_TEST(TestConnection, test_missing_fd_transfer) {
  auto [a, b] = TypeParam::Pipe();
  a.send(std::string("foo"));
  EXPECT_TRUE(begins_with(error_of([&b = b] { b.template recv<Fd>(); }), "TypeError:"));
  a.send(1);
  EXPECT_EQ(b.template recv<int>(), 1);
}

TYPED_TEST(TestConnection, test_context) {
  auto [a, b] = TypeParam::Pipe();
  a.send(1729);
  EXPECT_EQ(b.template recv<int>(), 1729);
  EXPECT_FALSE(a.closed());
  EXPECT_FALSE(b.closed());
  a.close();
  b.close();
  EXPECT_TRUE(a.closed());
  EXPECT_TRUE(b.closed());
  EXPECT_EQ(error_of([&a = a] { a.template recv<int>(); }), "OSError: handle is closed");
  EXPECT_EQ(error_of([&b = b] { b.template recv<int>(); }), "OSError: handle is closed");
  // What `with` does at its end is done by the end of the last handle's scope.
  typename TypeParam::Connection rest = a;
  {
    auto [c, d] = TypeParam::Pipe();
    rest = d;
  }
  EXPECT_TRUE(begins_with(error_of([&] { rest.template recv<int>(); }), "EOFError:"));
}

template <class B>
class TestPoll : public ParityTest {};
TYPED_TEST_SUITE(TestPoll, Backends, BackendNames);

TYPED_TEST(TestPoll, test_empty_string) {
  auto [a, b] = TypeParam::Pipe();
  EXPECT_FALSE(a.poll());
  b.send_bytes("");
  EXPECT_TRUE(a.poll());
  EXPECT_TRUE(a.poll());
  EXPECT_EQ(a.recv_bytes().size(), 0u);
  EXPECT_FALSE(a.poll());
}

template <class B>
void send_strings(typename B::Connection conn, std::vector<std::string> strings) {
  for (const std::string& s : strings) {
    conn.send_bytes(s);
  }
}

TYPED_TEST(TestPoll, test_strings) {
  std::vector<std::string> strings = {"hello", "", "a", "b", "", "bye", "", "lop"};
  auto [a, b] = TypeParam::Pipe();
  auto p = start<TypeParam>(send_strings<TypeParam>, b, strings);
  for (const std::string& s : strings) {
    EXPECT_TRUE(a.poll(kForever));
    EXPECT_EQ(text(a.recv_bytes()), s);
  }
  finish(p);
}

template <class B>
void poll_only(typename B::Connection r, Tokens<B> found) {
  found.put(gettid());
  found.put(r.poll(kForever));
}

TYPED_TEST(TestPoll, test_boundaries) {
  auto [r, w] = TypeParam::Pipe(false);
  Tokens<TypeParam> found;
  auto p = start<TypeParam>(poll_only<TypeParam>, r, found);
  ASSERT_TRUE(await_asleep(found.get()));
  w.send_bytes("first");
  w.send_bytes("second");
  w.close();
  EXPECT_EQ(found.get(), 1);
  finish(p);
  EXPECT_EQ(text(r.recv_bytes()), "first");
}

template <class B>
void receive_only(typename B::Connection r, Tokens<B> found) {
  found.put(gettid());
  found.put(r.template recv<int>());
}

// One who polls takes no wake-up away from one who receives.
TYPED_TEST(TestPoll, AReceiverWakesAlsoBesidePollers) {
  auto [r, w] = TypeParam::Pipe(false);
  Tokens<TypeParam> polled;
  Tokens<TypeParam> received;
  auto poller = start<TypeParam>(poll_only<TypeParam>, r, polled);
  ASSERT_TRUE(await_asleep(polled.get()));
  auto receiver = start<TypeParam>(receive_only<TypeParam>, r, received);
  ASSERT_TRUE(await_asleep(received.get()));
  w.send(5);
  EXPECT_EQ(received.get(), 5);
  w.send(6);
  EXPECT_EQ(polled.get(), 1);
  finish(poller);
  finish(receiver);
}

template <class B>
void send_three(typename B::Connection b) {
  b.send_bytes("a");
  b.send_bytes("b");
  b.send_bytes("cd");
}

TYPED_TEST(TestPoll, test_dont_merge) {
  auto [a, b] = TypeParam::Pipe();
  EXPECT_FALSE(a.poll(0.0));
  EXPECT_FALSE(a.poll(kTimeout2));
  auto p = start<TypeParam>(send_three<TypeParam>, b);
  EXPECT_EQ(text(a.recv_bytes()), "a");
  EXPECT_TRUE(a.poll(kForever));
  EXPECT_TRUE(a.poll(kForever));
  EXPECT_EQ(text(a.recv_bytes()), "b");
  EXPECT_TRUE(a.poll(kForever));
  EXPECT_TRUE(a.poll());
  EXPECT_EQ(text(a.recv_bytes()), "cd");
  finish(p);
}

template <class B>
class TestPicklingConnections : public ParityTest {};
TYPED_TEST_SUITE(TestPicklingConnections, Backends, BackendNames);

template <class B>
void use_what_comes(typename B::Connection conn) {
  auto w = conn.template recv<typename B::Connection>();
  w.send(std::string("all is well"));
  w.close();
  auto r = conn.template recv<typename B::Connection>();
  auto message = r.template recv<std::string>();
  conn.send(message + message);
  conn.close();
}

TYPED_TEST(TestPicklingConnections, test_access) {
  auto [conn, child_conn] = TypeParam::Pipe();
  auto p = start<TypeParam>(use_what_comes<TypeParam>, child_conn);
  child_conn.close();
  {
    auto [r, w] = TypeParam::Pipe(false);
    conn.send(w);
    w.close();
    EXPECT_EQ(r.template recv<std::string>(), "all is well");
    EXPECT_TRUE(begins_with(error_of([&r = r] { r.template recv<int>(); }), "EOFError:"));
    r.close();
  }
  auto [r, w] = TypeParam::Pipe(false);
  conn.send(r);
  r.close();
  w.send(std::string("foobar"));
  w.close();
  EXPECT_EQ(conn.template recv<std::string>(), "foobarfoobar");
  finish(p);
}

// The part about a plain socket; the sender closes its copy at once.
template <class B>
void use_a_socket(typename B::Connection conn) {
  Fd socket = conn.template recv<Fd>();
  send(socket.get(), "latin", 5, MSG_NOSIGNAL);
  conn.send(1);
}

TYPED_TEST(TestPicklingConnections, test_pickling) {
  auto [conn, child_conn] = TypeParam::Pipe();
  auto p = start<TypeParam>(use_a_socket<TypeParam>, child_conn);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  Fd mine(ends[0]);
  conn.send(Fd(ends[1]));
  EXPECT_EQ(conn.template recv<int>(), 1);
  char bytes[8] = {};
  EXPECT_EQ(recv(mine.get(), bytes, sizeof bytes, 0), 5);
  EXPECT_STREQ(bytes, "latin");
  finish(p);
  EXPECT_EQ(recv(mine.get(), bytes, sizeof bytes, 0), 0);
}

// Signals go to processes.
template <class B>
class TestIgnoreEINTR : public ParityTest {};
using ProcessBackends = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestIgnoreEINTR, ProcessBackends, BackendNames);

// Together more than send() leaves unread.
constexpr int kMessages = 4096;
constexpr size_t kMessageSize = 1024;

template <class B>
void be_interrupted(typename B::Connection conn) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  conn.send(std::string("ready"));
  conn.send(conn.template recv<int>());
  for (int i = 0; i < kMessages; ++i) {
    conn.send_bytes(std::string(kMessageSize, 'x'));
  }
}

TYPED_TEST(TestIgnoreEINTR, test_ignore) {
  auto [conn, child_conn] = TypeParam::Pipe();
  auto p = start<TypeParam>(be_interrupted<TypeParam>, child_conn);
  child_conn.close();
  EXPECT_EQ(conn.template recv<std::string>(), "ready");
  ASSERT_TRUE(await_asleep(p.pid())) << "in recv()";
  kill(p.pid(), SIGUSR1);
  ASSERT_TRUE(await_asleep(p.pid()));
  conn.send(1234);
  EXPECT_EQ(conn.template recv<int>(), 1234);
  ASSERT_TRUE(await_asleep(p.pid())) << "in send()";
  kill(p.pid(), SIGUSR1);
  ASSERT_TRUE(await_asleep(p.pid()));
  for (int i = 0; i < kMessages; ++i) {
    EXPECT_EQ(conn.recv_bytes().size(), kMessageSize);
  }
  finish(p);
}

}  // namespace
}  // namespace mp::testing
