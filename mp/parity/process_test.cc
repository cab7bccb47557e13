// _TestProcess of the reference.

#include "mp/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/bytes.h"
#include "mp/codec.h"
#include "mp/event.h"
#include "mp/executable.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/object.h"
#include "mp/parity/backends.h"
#include "mp/pipe.h"
#include "mp/queue.h"

namespace mp::testing {
// Counts its objects. Crosses by a Codec of its own, which a user may write.
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }
  void operator()(Queue<int> q, const Counted&) const { q.put(5); }
  void operator()(dummy::Queue<int> q, const Counted&) const { q.put(5); }
  static inline std::atomic<int> alive{0};
};
}  // namespace mp::testing

template <>
struct mp::Codec<mp::testing::Counted> {
  static Encoder::Ref encode(Encoder& e, const testing::Counted&) { return e.none(); }
  static testing::Counted decode(const Reader&) { return {}; }
};

namespace mp::testing {
namespace {

template <class B>
constexpr bool is_fork = std::is_same_v<B, OnFork>;

template <class B>
class TestProcess : public ParityTest {};
TYPED_TEST_SUITE(TestProcess, Backends, BackendNames);

// What the reference runs between processes only.
template <class B>
class TestProcessAlone : public ParityTest {};
using OnProcesses = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestProcessAlone, OnProcesses, BackendNames);

bool readable(int fd, int timeout_ms = 0) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, timeout_ms) == 1;
}

template <class B>
auto children_here() {
  if constexpr (B::kProcesses) {
    return active_children();
  } else {
    return dummy::active_children();
  }
}
template <class B>
bool is_child_here(const typename B::Process& p) {
  auto children = children_here<B>();
  return std::count(children.begin(), children.end(), p) == 1;
}

void sleep_for_ever() {
  for (;;) {
    pause();
  }
}
void nothing() {}

// -- Who one is -----------------------------------------------------------------------------------

// What is wrong with current_process(); "" if nothing is.
std::string wrong_with_current() {
  Process current = current_process();
  std::string wrong;
  wrong += current.is_alive() ? "" : "dead ";
  wrong += current.daemon() ? "daemon " : "";
  wrong += !current.authkey().empty() ? "" : "no key ";
  wrong += current.pid() == getpid() ? "" : "pid ";
  wrong += !current.exitcode().has_value() ? "" : "exit code ";
  return wrong;
}
void tell_current(Queue<std::string> q) { q.put(wrong_with_current()); }

TYPED_TEST(TestProcessAlone, test_current) {
  EXPECT_EQ(wrong_with_current(), "");
  Queue<std::string> q;
  finish(start<TypeParam>(tell_current, q));
  EXPECT_EQ(q.get(), "");
}

TYPED_TEST(TestProcessAlone, test_daemon_argument) {
  typename TypeParam::Process as_its_maker(nothing);
  EXPECT_EQ(as_its_maker.daemon(), current_process().daemon());
  typename TypeParam::Process daemon({.daemon = true}, nothing);
  EXPECT_TRUE(daemon.daemon());
  typename TypeParam::Process none({.daemon = false}, nothing);
  EXPECT_FALSE(none.daemon());
}

void tell_parent(Connection out) {
  out.send(std::pair(parent_process()->pid(), parent_process()->name()));
}

TYPED_TEST(TestProcessAlone, test_parent_process_attributes) {
  EXPECT_FALSE(parent_process().has_value());
  auto [in, out] = Pipe(false);
  finish(start<TypeParam>(tell_parent, out));
  auto [pid, name] = in.template recv<std::pair<int, std::string>>();
  EXPECT_EQ(pid, current_process().pid());
  EXPECT_EQ(pid, getpid());
  EXPECT_EQ(name, current_process().name());
}

void report_parent_status(Connection out) {
  Process parent = *parent_process();
  out.send(std::string(parent.is_alive() && !readable(parent.sentinel()) ? "alive" : "not alive"));
  // It dies with its parent, so this is told by who lives on.
  parent.join();
}
template <class B>
void create_grandchild(Connection out) {
  start<B>(report_parent_status, out);
  sleep_for_ever();
}

TYPED_TEST(TestProcessAlone, test_parent_process) {
  auto [in, out] = Pipe(false);
  auto p = start<TypeParam>(create_grandchild<TypeParam>, out);
  EXPECT_EQ(in.template recv<std::string>(), "alive");
  out.close();
  p.terminate();
  p.join();
  EXPECT_EQ(p.exitcode(), -SIGTERM);
  // The grandchild is gone with it, and its end of the pipe.
  EXPECT_EQ(error_of([&, in = in] { in.template recv<std::string>(); }).substr(0, 9), "EOFError:");
}

template <class B>
void tell_all(typename B::template Queue<Object> q, int a, std::string b) {
  q.put({a, b});
  q.put(B::current_process().name());
  if constexpr (B::kProcesses) {
    std::string key = B::current_process().authkey();
    q.put(Bytes(key));
    q.put(B::current_process().pid());
  }
}

TYPED_TEST(TestProcess, test_process) {
  typename TypeParam::template Queue<Object> q(1);
  typename TypeParam::Process p({.name = "SomeProcess", .daemon = true}, tell_all<TypeParam>, q, 1,
                                "two");
  EXPECT_FALSE(p.is_alive());
  EXPECT_TRUE(p.daemon());
  EXPECT_FALSE(is_child_here<TypeParam>(p));
  EXPECT_EQ(p.exitcode(), std::nullopt);
  p.start();
  // It waits for room in the queue.
  EXPECT_EQ(p.exitcode(), std::nullopt);
  EXPECT_TRUE(p.is_alive());
  EXPECT_TRUE(is_child_here<TypeParam>(p));
  EXPECT_EQ(q.get(), Object({1, "two"}));
  EXPECT_EQ(q.get(), Object("SomeProcess"));
  if constexpr (TypeParam::kProcesses) {
    EXPECT_EQ(p.authkey(), current_process().authkey());
    EXPECT_EQ(q.get(), Object(Bytes(current_process().authkey())));
    EXPECT_EQ(q.get(), Object(p.pid()));
  }
  finish(p);
  EXPECT_FALSE(p.is_alive());
  EXPECT_FALSE(is_child_here<TypeParam>(p));
}

void tell_native_id(Queue<int> q) { q.put(gettid()); }

TYPED_TEST(TestProcessAlone, test_process_mainthread_native_id) {
  Queue<int> q;
  finish(start<TypeParam>(tell_native_id, q));
  EXPECT_NE(q.get(), gettid());
}

// -- Arguments ------------------------------------------------------------------------------------

template <class B>
void put_back(typename B::template Queue<Object> q, Object argument) {
  q.put(argument);
}

TYPED_TEST(TestProcess, test_args_argument) {
  typename TypeParam::template Queue<Object> q(1);
  std::vector<Object> cases = {1, "str", list({1}), tuple({1}), None};
  for (const Object& argument : cases) {
    auto p = start<TypeParam>(put_back<TypeParam>, q, argument);
    EXPECT_EQ(q.get(), argument);
    finish(p);
  }
}

TYPED_TEST(TestProcess, test_lose_target_ref) {
  typename TypeParam::template Queue<int> q;
  typename TypeParam::Process p(Counted(), q, Counted());
  p.start();
  p.join();
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_EQ(q.get(), 5);
}

// -- Endings --------------------------------------------------------------------------------------

template <class B>
int exit_code_after(void (Process::*end)() const) {
  typename B::Process p({.daemon = true}, sleep_for_ever);
  p.start();
  EXPECT_TRUE(p.is_alive());
  EXPECT_TRUE(is_child_here<B>(p));
  EXPECT_EQ(p.exitcode(), std::nullopt);
  EXPECT_FALSE(p.join(0));
  EXPECT_TRUE(p.is_alive());
  EXPECT_FALSE(p.join(-1));
  EXPECT_TRUE(p.is_alive());
  (p.*end)();
  EXPECT_TRUE(p.join());
  EXPECT_FALSE(p.is_alive());
  EXPECT_FALSE(is_child_here<B>(p));
  EXPECT_TRUE(p.join());
  return p.exitcode().value_or(-1000);
}

TYPED_TEST(TestProcessAlone, test_terminate) {
  EXPECT_EQ(exit_code_after<TypeParam>(&Process::terminate), -SIGTERM);
}
TYPED_TEST(TestProcessAlone, test_kill) {
  EXPECT_EQ(exit_code_after<TypeParam>(&Process::kill), -SIGKILL);
}
TYPED_TEST(TestProcessAlone, test_interrupt_no_handler) {
  EXPECT_EQ(exit_code_after<TypeParam>(&Process::interrupt), -SIGINT);
}

void wait_for(Queue<int> q) { exit(q.get()); }

TYPED_TEST(TestProcessAlone, test_sentinel) {
  Queue<int> q;
  typename TypeParam::Process p(wait_for, q);
  EXPECT_EQ(error_of([&] { p.sentinel(); }), "ValueError: process not started");
  p.start();
  int sentinel = p.sentinel();
  EXPECT_FALSE(readable(sentinel));
  q.put(0);
  EXPECT_TRUE(readable(sentinel, 60'000));
  finish(p);
  EXPECT_TRUE(readable(sentinel));
  EXPECT_TRUE(readable(sentinel));
}

TYPED_TEST(TestProcessAlone, test_close) {
  Queue<int> q;
  typename TypeParam::Process p({.daemon = true}, wait_for, q);
  p.start();
  EXPECT_TRUE(p.is_alive());
  EXPECT_EQ(error_of([&] { p.close(); }),
            "ValueError: Cannot close a process while it is still running. You should first call "
            "join() or terminate().");
  q.put(0);
  finish(p);
  EXPECT_FALSE(p.is_alive());
  p.close();
  for (void (*call)(const Process&) :
       {+[](const Process& p) { p.is_alive(); }, +[](const Process& p) { p.join(); },
        +[](const Process& p) { p.terminate(); }}) {
    EXPECT_EQ(error_of([&] { call(p); }), "ValueError: process object is closed");
  }
  p.close();
}

TYPED_TEST(TestProcessAlone, test_many_processes) {
  const int n = std::is_same_v<TypeParam, OnSpawn> ? 5 : 100;
  std::vector<Process> processes;
  for (int i = 0; i < n; ++i) {
    processes.push_back(start<TypeParam>(nothing));
  }
  for (const Process& p : processes) {
    finish(p);
  }
  processes.clear();
  for (int i = 0; i < n; ++i) {
    processes.push_back(start<TypeParam>(sleep_for_ever));
  }
  for (const Process& p : processes) {
    p.terminate();
  }
  for (const Process& p : processes) {
    EXPECT_TRUE(p.join());
    EXPECT_EQ(p.exitcode(), -SIGTERM);
  }
}

// -- Children of children -------------------------------------------------------------------------

TYPED_TEST(TestProcess, test_cpu_count) { EXPECT_GE(cpu_count(), 1); }

template <class B>
void take_one(Tokens<B> q) {
  q.get();
}

TYPED_TEST(TestProcess, test_active_children) {
  Tokens<TypeParam> q;
  typename TypeParam::Process p({.daemon = true}, take_one<TypeParam>, q);
  EXPECT_FALSE(is_child_here<TypeParam>(p));
  p.start();
  EXPECT_TRUE(is_child_here<TypeParam>(p));
  q.put(1);
  finish(p);
  EXPECT_FALSE(is_child_here<TypeParam>(p));
}

template <class B>
void recurse(typename B::Connection out, std::vector<int> id) {
  out.send(id);
  if (id.size() < 2) {
    for (int i = 0; i < 2; ++i) {
      std::vector<int> next = id;
      next.push_back(i);
      auto p = start<B>(recurse<B>, out, next);
      p.join();
    }
  }
}

TYPED_TEST(TestProcess, test_recursion) {
  auto [in, out] = TypeParam::Pipe(false);
  recurse<TypeParam>(out, {});
  std::vector<std::vector<int>> result;
  while (in.poll()) {
    result.push_back(in.template recv<std::vector<int>>());
  }
  EXPECT_EQ(result, (std::vector<std::vector<int>>{{}, {0}, {0, 0}, {0, 1}, {1}, {1, 0}, {1, 1}}));
}

// -- Surroundings ---------------------------------------------------------------------------------

template <class B>
void set_when_told(Event set, Queue<int> go) {
  dummy::Process(
      [](Event set, Queue<int> go) {
        go.get();
        set.set();
      },
      set, go)
      .start();
  dummy::Process({.daemon = true}, sleep_for_ever).start();
}

TYPED_TEST(TestProcessAlone, test_wait_for_threads) {
  Event set;
  Queue<int> go;
  auto p = start<TypeParam>(set_when_told<TypeParam>, set, go);
  EXPECT_FALSE(p.join(kTimeout1));
  EXPECT_FALSE(set.is_set());
  go.put(1);
  finish(p);
  EXPECT_TRUE(set.is_set());
}

int open_fds() {
  int count = 0;
  DIR* dir = opendir("/proc/self/fd");
  while (readdir(dir) != nullptr) {
    ++count;
  }
  closedir(dir);
  return count - 3;  // ".", ".." and the directory's own
}
void tell_fds(Queue<int> counts, Event end) {
  counts.put(open_fds());
  end.wait();
}

TYPED_TEST(TestProcessAlone, test_child_fd_inflation) {
  Queue<int> counts;
  Event end;
  std::vector<Process> children;
  for (int i = 0; i < 10; ++i) {
    children.push_back(start<TypeParam>(tell_fds, counts, end));
  }
  int first = counts.get();
  for (int i = 1; i < 10; ++i) {
    int more = counts.get();
    // By fork they inherit the descriptors of this process, which has one for each of them.
    EXPECT_TRUE(is_fork<TypeParam> || more == first) << first << " and " << more;
  }
  EXPECT_TRUE(is_fork<TypeParam> || first < 20) << first;
  end.set();
  for (const Process& p : children) {
    finish(p);
  }
}

enum class Broken { kNot, kClosed, kAbsent };

// Breaks a standard stream as long as it lives.
class BrokenStream {
 public:
  BrokenStream(int fd, Broken how)
      : stream_(fd == STDOUT_FILENO ? &stdout : &stderr), before_(*stream_), fd_(fd), how_(how) {
    std::fflush(before_);
    if (how == Broken::kClosed) {
      copy_ = fcntl(fd, F_DUPFD_CLOEXEC, 100);
      close(fd);
    } else if (how == Broken::kAbsent) {
      *stream_ = nullptr;
    }
  }
  ~BrokenStream() {
    if (how_ == Broken::kClosed) {
      dup2(copy_, fd_);
      close(copy_);
    }
    *stream_ = before_;
  }

 private:
  FILE** stream_;
  FILE* before_;
  int fd_;
  int copy_ = -1;
  Broken how_;
};

template <class B>
void break_and_set(Tokens<B> set, int fd, Broken how) {
  std::optional<BrokenStream> broken;
  if constexpr (B::kProcesses) {
    // For good: the end of the process shall find it so.
    new BrokenStream(fd, how);
  } else {
    broken.emplace(fd, how);
  }
  set.put(1);
}

TYPED_TEST(TestProcess, test_error_on_stdio_flush_1) {
  for (int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    for (Broken how : {Broken::kClosed, Broken::kAbsent}) {
      Tokens<TypeParam> set;
      std::optional<int> code;
      {
        BrokenStream broken(fd, how);
        auto p = start<TypeParam>(break_and_set<TypeParam>, set, STDOUT_FILENO, Broken::kNot);
        p.join();
        code = p.exitcode();
      }
      EXPECT_EQ(code, 0);
      EXPECT_EQ(set.qsize(), 1);
    }
  }
}

TYPED_TEST(TestProcess, test_error_on_stdio_flush_2) {
  for (int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    for (Broken how : {Broken::kClosed, Broken::kAbsent}) {
      Tokens<TypeParam> set;
      finish(start<TypeParam>(break_and_set<TypeParam>, set, fd, how));
      EXPECT_EQ(set.qsize(), 1);
    }
  }
}

TYPED_TEST(TestProcessAlone, test_set_executable) {
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  internal::stop_fork_server();
  set_executable(self.c_str());
  finish(start<TypeParam>(nothing));
  set_executable(self.string());
  finish(start<TypeParam>(nothing));
  set_executable(self);
  finish(start<TypeParam>(nothing));
  set_executable("");
  finish(start<TypeParam>(nothing));
}

// -- The fork server ------------------------------------------------------------------------------

void put_when_told(Queue<int> go, Queue<int> done) {
  go.get();
  done.put(1);
}

class TestForkServer : public ParityTest {
 protected:
  // A child runs while the server gets the signal, and others start after it.
  static void check_death(int signal) {
    Queue<int> later;
    Queue<int> go;
    Queue<int> done;
    auto p = testing::start<OnForkServer>(put_when_told, later, done);
    int server = internal::fork_server_pid();
    ASSERT_GT(server, 0);
    kill(server, signal);
    // The two that a killed server had ready may serve first, and nobody is left who knows how they ended.
    for (int i = 0; i < 4; ++i) {
      ForkServerProcess q(put_when_told, go, done);
      q.start();
      go.put(1);
      EXPECT_TRUE(q.join());
      EXPECT_TRUE(q.exitcode() == 0 || (signal == SIGKILL && q.exitcode() == 255)) << *q.exitcode();
    }
    EXPECT_EQ(internal::fork_server_pid() == server, signal == SIGINT);
    later.put(1);
    EXPECT_TRUE(p.join());
    EXPECT_TRUE(p.exitcode() == 0 || p.exitcode() == 255) << *p.exitcode();
    EXPECT_EQ(done.qsize(), 5);
  }
};

TEST_F(TestForkServer, test_forkserver_sigint) { check_death(SIGINT); }
TEST_F(TestForkServer, test_forkserver_sigkill) { check_death(SIGKILL); }

}  // namespace
}  // namespace mp::testing
