// The reference's TestWait, TestInvalidHandle, and what of TestIgnoreEINTR and KeyboardInterrupt concerns wait().

#include "mp/wait.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/fd.h"
#include "mp/interruptible.h"
#include "mp/parity/backends.h"
#include "mp/semaphore.h"
#include "mp/testing/proc.h"

namespace mp::testing {
namespace {

using namespace std::chrono_literals;

template <class B>
class TestWait : public ParityTest {};
using OnProcesses = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestWait, OnProcesses, BackendNames);

constexpr int kChildren = 4;
constexpr int kMessages = 10;

void rest(bool slow) {
  if (slow) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::rand() % 2000));
  }
}

void send_ten(Connection w, bool slow) {
  for (int i = 0; i < kMessages; ++i) {
    rest(slow);
    w.send(std::pair(i, static_cast<int>(getpid())));
  }
  w.close();
}

template <class B>
void wait_for_children(bool slow) {
  std::vector<Connection> readers;
  std::vector<typename B::Process> children;
  std::vector<std::pair<int, int>> expected;
  for (int i = 0; i < kChildren; ++i) {
    auto [r, w] = Pipe(false);
    children.push_back(start<B>(send_ten, w, slow));
    w.close();
    readers.push_back(r);
    for (int n = 0; n < kMessages; ++n) {
      expected.emplace_back(n, children.back().pid());
    }
  }
  std::vector<std::pair<int, int>> messages;
  while (!readers.empty()) {
    for (const Connection& r : wait(readers)) {
      try {
        messages.push_back(r.recv<std::pair<int, int>>());
      } catch (const EOFError&) {
        std::erase(readers, r);
      }
    }
  }
  std::sort(messages.begin(), messages.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(messages, expected);
  for (const auto& child : children) {
    finish(child);
  }
}

TYPED_TEST(TestWait, test_wait) { wait_for_children<TypeParam>(false); }
TYPED_TEST(TestWait, test_wait_slow) { wait_for_children<TypeParam>(true); }

void send_lines(Fd socket, bool slow) {
  for (int i = 0; i < kMessages; ++i) {
    rest(slow);
    std::string line = std::to_string(i) + "\n";
    send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
  }
}

template <class B>
void wait_for_sockets(bool slow) {
  std::vector<Fd> readers;
  std::vector<typename B::Process> children;
  std::string expected;
  for (int i = 0; i < kMessages; ++i) {
    expected += std::to_string(i) + "\n";
  }
  for (int i = 0; i < kChildren; ++i) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    readers.emplace_back(ends[0]);
    children.push_back(start<B>(send_lines, Fd(ends[1]), slow));
  }
  std::vector<std::string> texts(kChildren);
  std::vector<int> open;
  for (const Fd& r : readers) {
    open.push_back(r.fileno());
  }
  while (!open.empty()) {
    for (int fd : wait(open)) {
      char bytes[32];
      ssize_t n = read(fd, bytes, sizeof bytes);
      if (n <= 0) {
        std::erase(open, fd);
        continue;
      }
      for (int i = 0; i < kChildren; ++i) {
        if (readers[static_cast<size_t>(i)].get() == fd) {
          texts[static_cast<size_t>(i)].append(bytes, static_cast<size_t>(n));
        }
      }
    }
  }
  for (const std::string& text : texts) {
    EXPECT_EQ(text, expected);
  }
  for (const auto& child : children) {
    finish(child);
  }
}

TYPED_TEST(TestWait, test_wait_socket) { wait_for_sockets<TypeParam>(false); }
TYPED_TEST(TestWait, test_wait_socket_slow) { wait_for_sockets<TypeParam>(true); }

TYPED_TEST(TestWait, test_wait_timeout) {
  auto [a, b] = Pipe();
  EXPECT_GE(seconds([&a = a, &b = b] { EXPECT_TRUE(wait({a, b}, kTimeout3).empty()); }), kTimeout3);
  b.send(None);
  EXPECT_EQ(wait(std::vector{a, b}, 20), std::vector{a});
}

void end_when_told(Semaphore told) { told.acquire(); }

TYPED_TEST(TestWait, test_wait_integer) {
  auto [a, b] = Pipe();
  Semaphore told(0);
  auto p = start<TypeParam>(end_when_told, told);
  auto is = [](const std::vector<Waitable>& ready, std::vector<Waitable> expected) {
    return ready == expected;
  };
  std::vector<Waitable> all = {a, p.sentinel(), b};
  EXPECT_TRUE(is(wait(all, kTimeout2), {}));
  told.release();
  EXPECT_TRUE(is(wait(all), {p.sentinel()}));
  EXPECT_TRUE(is(wait({a, p, b}), {p}));
  a.send(1);
  EXPECT_TRUE(is(wait(all, 20), {p.sentinel(), b}));
  b.send(1);
  EXPECT_TRUE(is(wait(all, 20), {a, p.sentinel(), b}));
  finish(p);
}

TYPED_TEST(TestWait, test_neg_timeout) {
  auto [a, b] = Pipe();
  EXPECT_TRUE(wait({a}, -1).empty());
}

TYPED_TEST(TestWait, test_wait_empty) {
  EXPECT_GE(seconds([] { EXPECT_TRUE(wait({}, kTimeout3).empty()); }), kTimeout3);
}

TYPED_TEST(TestWait, test_invalid_handles) {
  EXPECT_EQ(error_of([] { wait({-1}, 0); }), "ValueError: Invalid file descriptor: -1");
  try {
    wait({44977608}, 0);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const OSError& e) {
    EXPECT_EQ(e.errno_value(), EBADF);
  }
}

void await_in_poll(pid_t pid) {
  while (blocked_in(pid) != SYS_ppoll) {
    std::this_thread::yield();
  }
}

void wait_under_signals(Connection conn) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  conn.send(1);
  conn.send(static_cast<int>(wait({conn}).size()));
  conn.recv<int>();
}

TYPED_TEST(TestWait, ASignalDoesNotEndIt) {
  auto [conn, child_conn] = Pipe();
  auto p = start<TypeParam>(wait_under_signals, child_conn);
  conn.recv<int>();
  for (int i = 0; i < 3; ++i) {
    await_in_poll(p.pid());
    kill(p.pid(), SIGUSR1);
  }
  conn.send(1);
  EXPECT_EQ(conn.recv<int>(), 1);
  finish(p);
}

void wait_interruptibly(Connection conn, bool with_pipe) {
  interruptible here;
  conn.send(1);
  try {
    if (with_pipe) {
      wait({conn});
    } else {
      wait({});
    }
  } catch (const KeyboardInterrupt&) {
    conn.send(2);
  }
}

TYPED_TEST(TestWait, IsInterrupted) {
  for (bool with_pipe : {true, false}) {
    auto [conn, child_conn] = Pipe();
    auto p = start<TypeParam>(wait_interruptibly, child_conn, with_pipe);
    conn.recv<int>();
    await_in_poll(p.pid());
    p.interrupt();
    EXPECT_EQ(conn.recv<int>(), 2);
    finish(p);
  }
}

// Two processes use one end; their messages stay whole.
void send_many(Connection conn, char c) {
  for (size_t i = 0; i < 500; ++i) {
    conn.send_bytes(std::string(1 + i * 37 % 9000, c));
  }
}
void receive_many(Connection conn, Connection result, int count) {
  int broken = 0;
  for (int i = 0; i < count; ++i) {
    Bytes bytes = conn.recv_bytes();
    std::string_view text = bytes.view();
    broken += text.empty() || text.find_first_not_of(text[0]) != text.npos;
  }
  result.send(broken);
}

TYPED_TEST(TestWait, TwoProcessesAtOneEndDoNotCorruptIt) {
  auto [a, b] = Pipe();
  auto [said, say] = Pipe();
  auto w1 = start<TypeParam>(send_many, a, 'x');
  auto w2 = start<TypeParam>(send_many, a, 'y');
  auto r1 = start<TypeParam>(receive_many, b, say, 500);
  auto r2 = start<TypeParam>(receive_many, b, say, 500);
  EXPECT_EQ(said.recv<int>() + said.recv<int>(), 0);
  for (const auto* p : {&w1, &w2, &r1, &r2}) {
    finish(*p);
  }
}

}  // namespace
}  // namespace mp::testing
