// The reference's tests of listeners: _TestListener, _TestListenerClient, TestInvalidFamily, TestInvalidHandle,
// ChallengeResponseTest, and what _TestPicklingConnections and TestIgnoreEINTR ask of them.

#include "mp/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "mp/address.h"
#include "mp/bytes.h"
#include "mp/challenge.h"
#include "mp/client.h"
#include "mp/dummy/listener.h"
#include "mp/fd.h"
#include "mp/parity/backends.h"
#include "mp/testing/proc.h"

namespace mp::testing {
namespace {

const char* const kFamilies[] = {"AF_INET", "AF_UNIX"};

// What stands for either backend's.
template <class B>
using ListenerOf = std::conditional_t<B::kProcesses, mp::Listener, dummy::Listener>;
template <class B>
using AddressOf = std::conditional_t<B::kProcesses, mp::Address, dummy::Listener::Address>;

template <class B>
ListenerOf<B> listen(const std::string& family) {
  if constexpr (B::kProcesses) {
    return mp::Listener(ListenerOptions{.family = family});
  } else {
    return dummy::Listener();
  }
}
template <class B>
typename B::Connection connect(const AddressOf<B>& address) {
  if constexpr (B::kProcesses) {
    return Client(address);
  } else {
    return dummy::Client(address);
  }
}

class TestListener : public ParityTest {};

TEST_F(TestListener, test_multiple_bind) {
  for (const char* family : kFamilies) {
    mp::Listener l({.family = family});
    EXPECT_TRUE(begins_with(error_of([&] { mp::Listener again(l.address()); }), "OSError:"))
        << family;
  }
}

TEST_F(TestListener, test_context) {
  std::optional<mp::Listener> closed;
  {
    mp::Listener l;
    mp::Connection c = Client(l.address());
    mp::Connection a = l.accept();
    c.send(1729);
    EXPECT_EQ(a.recv<int>(), 1729);
    closed = std::move(l);
    closed->close();
  }
  EXPECT_EQ(error_of([&] { closed->accept(); }), "OSError: listener is closed");
}

void connect_with_empty_key(mp::Address address) {
  Client(address, {.authkey = "", .allow_weak_key = true}).send(std::string("hello"));
}

// An empty key is one; but it has to be asked for, since everybody can guess it.
TEST_F(TestListener, test_empty_authkey) {
  EXPECT_TRUE(begins_with(error_of([] { mp::Listener l({.authkey = ""}); }), "ValueError:"));
  for (const char* family : kFamilies) {
    mp::Listener l({.authkey = "", .family = family, .allow_weak_key = true});
    auto p = start<OnForkServer>(connect_with_empty_key, l.address());
    EXPECT_EQ(l.accept().recv<std::string>(), "hello");
    finish(p);
  }
}

// Every user of the machine could connect to one, or take its name.
TEST_F(TestListener, test_abstract_socket) {
  std::string name("\0something", 10);
  EXPECT_TRUE(begins_with(error_of([&] { mp::Listener l{mp::Address(name)}; }), "ValueError:"));
  EXPECT_TRUE(begins_with(error_of([&] { Client(mp::Address(name)); }), "ValueError:"));
}

template <class B>
class TestListenerClient : public ParityTest {};
TYPED_TEST_SUITE(TestListenerClient, Backends, BackendNames);

template <class B>
void say_hello(AddressOf<B> address) {
  auto conn = connect<B>(address);
  conn.send(std::string("hello"));
  conn.close();
}

TYPED_TEST(TestListenerClient, test_listener_client) {
  for (const char* family : kFamilies) {
    auto l = listen<TypeParam>(family);
    auto p = start<TypeParam>(say_hello<TypeParam>, l.address());
    auto conn = l.accept();
    EXPECT_EQ(conn.template recv<std::string>(), "hello");
    finish(p);
    l.close();
  }
}

TYPED_TEST(TestListenerClient, test_issue14725) {
  auto l = listen<TypeParam>("AF_UNIX");
  auto p = start<TypeParam>(say_hello<TypeParam>, l.address());
  finish(p);
  auto conn = l.accept();
  EXPECT_EQ(conn.template recv<std::string>(), "hello");
  conn.close();
  l.close();
}

TYPED_TEST(TestListenerClient, test_issue16955) {
  for (const char* family : kFamilies) {
    auto l = listen<TypeParam>(family);
    auto c = connect<TypeParam>(l.address());
    auto a = l.accept();
    a.send_bytes("hello");
    EXPECT_TRUE(c.poll(kForever));
  }
}

// Those that only processes have.
template <class B>
class TestListenerOfProcesses : public ParityTest {};
using ProcessBackends = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestListenerOfProcesses, ProcessBackends, BackendNames);

// Accepts a connection of each family, and then a plain socket, and sends them on.
void pass_on_what_connects(mp::Connection conn) {
  for (const char* family : kFamilies) {
    mp::Listener l({.family = family});
    conn.send(l.address());
    mp::Connection accepted = l.accept();
    conn.send(accepted);
    accepted.close();
    conn.recv<bool>();
  }
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
    Fd ours(pair[0]);
    Fd theirs(pair[1]);
    conn.send(theirs);
    theirs.reset();
    char text[64];
    ssize_t n = read(ours.get(), text, sizeof text);
    conn.send_bytes(std::string_view(text, n > 0 ? static_cast<size_t>(n) : 0));
  }
}

// Asks at the address for what the peer makes of its message.
void ask_for_capitals(mp::Connection addresses) {
  for (int i = 0; i < 2; ++i) {
    mp::Connection conn = Client(addresses.recv<mp::Address>());
    conn.send(std::string("hello"));
    addresses.send(conn.recv<std::string>());
  }
}

TYPED_TEST(TestListenerOfProcesses, test_pickling) {
  auto [lconn, lconn0] = TypeParam::Pipe();
  auto lp = start<TypeParam>(pass_on_what_connects, lconn0);
  lconn0.close();
  auto [rconn, rconn0] = TypeParam::Pipe();
  auto rp = start<TypeParam>(ask_for_capitals, rconn0);
  rconn0.close();
  for (int i = 0; i < 2; ++i) {
    rconn.send(lconn.template recv<mp::Address>());
    auto conn = lconn.template recv<mp::Connection>();
    EXPECT_EQ(conn.template recv<std::string>(), "hello");
    conn.send(std::string("HELLO"));
    EXPECT_EQ(rconn.template recv<std::string>(), "HELLO");
    lconn.send(true);
  }
  auto plain = lconn.template recv<Fd>();
  ASSERT_EQ(write(plain.get(), "plain", 5), 5);
  EXPECT_EQ(std::string(lconn.recv_bytes().view()), "plain");
  finish(lp);
  finish(rp);
}

void accept_interrupted(mp::Connection conn) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  mp::Listener l;
  conn.send(l.address());
  l.accept().send(std::string("welcome"));
}

TYPED_TEST(TestListenerOfProcesses, test_ignore_listener) {
  auto [conn, child_conn] = TypeParam::Pipe();
  auto p = start<TypeParam>(accept_interrupted, child_conn);
  child_conn.close();
  auto address = conn.template recv<mp::Address>();
  ASSERT_TRUE(await_blocked_in(p.pid(), SYS_ppoll));
  kill(p.pid(), SIGUSR1);
  ASSERT_TRUE(await_blocked_in(p.pid(), SYS_ppoll));
  EXPECT_EQ(Client(address).template recv<std::string>(), "welcome");
  finish(p);
}

class TestInvalidFamily : public ParityTest {};

TEST_F(TestInvalidFamily, test_invalid_family) {
  EXPECT_EQ(error_of([] { mp::Listener l("\\\\.\\test"); }),
            "ValueError: Family AF_PIPE is not recognized.");
  EXPECT_EQ(error_of([] { mp::Listener l({.family = "AF_PIPE"}); }),
            "ValueError: Family AF_PIPE is not recognized.");
}

class TestClient : public ParityTest {};

// The classes and numbers of the reference.
TEST_F(TestClient, NobodyListens) {
  try {
    mp::Client("/tmp/there/is/no/such/socket");
    FAIL();
  } catch (const FileNotFoundError& e) {
    EXPECT_EQ(e.errno_value(), ENOENT);
    EXPECT_TRUE(std::string_view(e.what()).ends_with("[Errno 2] No such file or directory"))
        << e.what();
  }
  std::optional<Address> address;
  {
    mp::Listener gone({"localhost", 0});
    address = gone.address();
  }
  try {
    mp::Client(*address);
    FAIL();
  } catch (const ConnectionRefusedError& e) {
    EXPECT_EQ(e.errno_value(), ECONNREFUSED);
    EXPECT_TRUE(std::string_view(e.what()).ends_with("[Errno 111] Connection refused")) << e.what();
  }
  // It is an OSError, and stays what it is on the way through a status.
  try {
    raise(ConnectionRefusedError("[Errno 111] Connection refused").status());
  } catch (const OSError& e) {
    EXPECT_STREQ(e.name(), "ConnectionRefusedError");
    EXPECT_STREQ(e.what(), "[Errno 111] Connection refused");
    EXPECT_EQ(e.errno_value(), ECONNREFUSED);
  }
}

class TestInvalidHandle : public ParityTest {};

TEST_F(TestInvalidHandle, test_invalid_handles) {
  EXPECT_EQ(error_of([] { mp::Connection conn(-1); }), "ValueError: invalid handle");
  EXPECT_TRUE(begins_with(error_of([] { mp::Connection conn(44977608); }), "OSError:"));
  EXPECT_EQ(error_of([] { mp::Connection conn(0, false, false); }),
            "ValueError: at least one of `readable` and `writable` must be True");
}

class ChallengeResponseTest : public ParityTest {};
const char kKey[] = "abcdefghijklmnopqrstuvwxyz";

void answer_bogus(mp::Connection conn) {
  conn.recv_bytes();
  conn.send_bytes("something bogus");
}

TEST_F(ChallengeResponseTest, test_deliver_challenge_auth_failure) {
  auto [conn, child_conn] = mp::Pipe();
  auto p = start<OnForkServer>(answer_bogus, child_conn);
  EXPECT_EQ(error_of([&conn = conn] { deliver_challenge(conn, kKey); }),
            "AuthenticationError: digest received was wrong");
  finish(p);
}

void deliver_and_reject(mp::Connection conn) {
  conn.send_bytes("#CHALLENGE#mp1" + std::string(32, 'n'));
  conn.recv_bytes();
  conn.send_bytes("something bogus");
}

TEST_F(ChallengeResponseTest, test_answer_challenge_auth_failure) {
  auto [conn, child_conn] = mp::Pipe();
  auto p = start<OnForkServer>(deliver_and_reject, child_conn);
  EXPECT_EQ(error_of([&conn = conn] { answer_challenge(conn, kKey); }),
            "AuthenticationError: digest sent was rejected");
  finish(p);
}

void answer_then_deliver(mp::Connection conn, std::string key) {
  answer_challenge(conn, key);
  deliver_challenge(conn, key);
}

TEST_F(ChallengeResponseTest, test_challengeresponse) {
  auto [conn, child_conn] = mp::Pipe();
  auto p = start<OnForkServer>(answer_then_deliver, child_conn, std::string(kKey));
  deliver_challenge(conn, kKey);
  answer_challenge(conn, kKey);
  finish(p);
}

void answer_quietly(mp::Connection conn, std::string key) {
  try {
    answer_challenge(conn, key);
  } catch (const AuthenticationError& e) {
    conn.send_bytes(e.what());
  }
}

TEST_F(ChallengeResponseTest, AnotherKeyIsRejected) {
  auto [conn, child_conn] = mp::Pipe();
  auto p = start<OnForkServer>(answer_quietly, child_conn, std::string("another key of 16 bytes"));
  EXPECT_EQ(error_of([&conn = conn] { deliver_challenge(conn, kKey); }),
            "AuthenticationError: digest received was wrong");
  EXPECT_EQ(std::string(conn.recv_bytes().view()), "digest sent was rejected");
  finish(p);
}

}  // namespace
}  // namespace mp::testing
