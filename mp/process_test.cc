// What mp/process.h promises, under every start method.

#include "mp/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mp/errors.h"
#include "mp/executable.h"
#include "mp/fd.h"
#include "mp/internal/os/process_bug.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/proc/life.h"
#include "mp/internal/shm/family.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

// -- What the tests run in children ----------------------------------------------------------------

void nothing() {}
void sleep_for_ever() {
  for (;;) {
    pause();
  }
}
void run_for_ever() {
  for (std::atomic<int> i{0};; ++i) {
  }
}
void exit_with(int code) { exit(code); }
void throw_error() { throw ValueError("not a number"); }
void throw_standard() { throw std::range_error("too far"); }
void throw_int() { throw 3; }
struct Speechless : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
void throw_speechless() { throw Speechless(); }
void throw_not_utf8() { throw std::runtime_error("\xff\xfe"); }
void end_thread() { pthread_exit(nullptr); }

// -- Helpers --------------------------------------------------------------------------------------

std::string text_of(const AssertionError& e) { return e.what(); }

// What `body` throws as an E.
template <class E, class Body>
std::string thrown(const Body& body) {
  try {
    body();
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("another error: ") + e.what();
  }
  return "nothing";
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

bool readable(int fd, int timeout_ms = 0) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, timeout_ms) == 1;
}

// A descriptor that is readable when `pid` has ended.
Fd sentinel_of(int pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

class EachMethod : public testing::Fixture, public ::testing::WithParamInterface<const char*> {
 protected:
  EachMethod() : dog_(120s) {}
  void TearDown() override {
    EXPECT_TRUE(active_children().empty());
    Fixture::TearDown();
  }

  Process::Options options(std::string name = {}) const {
    return {.name = std::move(name), .context = get_context(GetParam())};
  }
  template <class... A>
  Process start(A&&... call) const {
    Process p(options(), std::forward<A>(call)...);
    p.start();
    return p;
  }
  template <class... A>
  int exit_code_of(A&&... call) const {
    Process p = start(std::forward<A>(call)...);
    EXPECT_TRUE(p.join());
    return p.exitcode().value_or(-1000);
  }
  bool is(const char* method) const { return std::string(GetParam()) == method; }

 private:
  Watchdog dog_;
};

INSTANTIATE_TEST_SUITE_P(Process, EachMethod, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

// -- Endings --------------------------------------------------------------------------------------

TEST_P(EachMethod, ReturningIsExitCode0) { EXPECT_EQ(exit_code_of(nothing), 0); }

TEST_P(EachMethod, AProcessWithoutAFunctionEndsWith0) {
  Process p(options());
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
}

TEST_P(EachMethod, AnUncaughtExceptionIsToldAndIs1) {
  ::testing::internal::CaptureStderr();
  for (auto* f : {throw_error, throw_standard, throw_int, throw_speechless, throw_not_utf8}) {
    Process p(options("thrower"), f);
    p.start();
    p.join();
    EXPECT_EQ(p.exitcode(), 1);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "Process thrower:\nTraceback (most recent call first):\n"
            "#0 mp::(anonymous namespace)::throw_error()\nValueError: not a number\n"
            "Process thrower:\nTraceback (most recent call first):\n"
            "#0 mp::(anonymous namespace)::throw_standard()\nstd::range_error: too far\n"
            "Process thrower:\nTraceback (most recent call first):\n"
            "#0 mp::(anonymous namespace)::throw_int()\nint: 3\n"
            "Process thrower:\nTraceback (most recent call first):\n"
            "#0 mp::(anonymous namespace)::throw_speechless()\n"
            "Speechless\n"
            "Process thrower:\nTraceback (most recent call first):\n"
            "#0 mp::(anonymous namespace)::throw_not_utf8()\nstd::runtime_error: \xff\xfe\n");
}

TEST_P(EachMethod, TheEndOfItsThreadIsItsEnd) { EXPECT_EQ(exit_code_of(end_thread), 0); }

class Noisy {
 public:
  ~Noisy() { std::fputs("destroyed ", stdout); }
};
void exit_through_objects() {
  Noisy noisy;
  exit(3);
}
TEST_P(EachMethod, ExitDestroysObjectsOnTheWay) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(exit_code_of(exit_through_objects), 3);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "destroyed ");
}

void register_handler() {
  std::atexit([] { std::fputs("handler ", stdout); });
  static Noisy noisy;
}
TEST_P(EachMethod, HandlersAndStaticsOfTheChildRunAtItsEnd) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(exit_code_of(register_handler), 0);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "destroyed handler ");
}

TEST_P(EachMethod, SignalsAreReportedAsMinusTheirNumber) {
  Process terminated = start(sleep_for_ever);
  Process killed = start(run_for_ever);
  Process interrupted = start(sleep_for_ever);
  EXPECT_FALSE(terminated.join(0));
  EXPECT_FALSE(terminated.join(-1));
  EXPECT_FALSE(terminated.join(0.01));
  EXPECT_TRUE(terminated.is_alive());
  EXPECT_EQ(terminated.exitcode(), std::nullopt);
  terminated.terminate();
  killed.kill();
  interrupted.interrupt();
  EXPECT_TRUE(terminated.join());
  EXPECT_TRUE(killed.join());
  EXPECT_TRUE(interrupted.join());
  EXPECT_EQ(terminated.exitcode(), -SIGTERM);
  EXPECT_EQ(killed.exitcode(), -SIGKILL);
  EXPECT_EQ(interrupted.exitcode(), -SIGINT);
  EXPECT_FALSE(terminated.is_alive());
  EXPECT_TRUE(terminated.join(0));
  killed.kill();
}

void fail_a_check() { std::abort(); }
TEST_P(EachMethod, ACrashIsReported) {
  ::testing::internal::CaptureStderr();
  rlimit none{0, 0};
  rlimit before;
  getrlimit(RLIMIT_CORE, &before);
  setrlimit(RLIMIT_CORE, &none);
  EXPECT_EQ(exit_code_of(fail_a_check), -SIGABRT);
  setrlimit(RLIMIT_CORE, &before);
  ::testing::internal::GetCapturedStderr();
}

TEST_P(EachMethod, ManySignalledRightAfterTheirStartAllSaySo) {
  std::vector<Process> children;
  for (int i = 0; i < 100; ++i) {
    children.push_back(start(sleep_for_ever));
    i % 2 == 0 ? children.back().terminate() : children.back().kill();
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(children[i].join());
    EXPECT_EQ(children[i].exitcode(), i % 2 == 0 ? -SIGTERM : -SIGKILL);
  }
}

// A death of which the kernel may keep no record has 255.
bool is_kill(std::optional<int> code) { return code == -SIGKILL || code == 255; }

TEST_P(EachMethod, AChildThatSomebodyElseReapedHasEnded) {
  if (!is("forkserver")) {  // there it is the server's child
    Process ended = start(exit_with, 7);
    EXPECT_EQ(waitpid(ended.pid(), nullptr, 0), ended.pid());
    EXPECT_FALSE(ended.is_alive());
    EXPECT_TRUE(ended.join());
    EXPECT_EQ(ended.exitcode(), 7);
    Process killed = start(sleep_for_ever);
    killed.kill();
    EXPECT_EQ(waitpid(killed.pid(), nullptr, 0), killed.pid());
    EXPECT_FALSE(killed.is_alive());
    EXPECT_TRUE(killed.join());
    EXPECT_TRUE(is_kill(killed.exitcode())) << *killed.exitcode();
  }
  // By the kernel.
  internal::stop_fork_server();
  auto before = signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(exit_code_of(exit_with, 7), 7);
  Process killed = start(sleep_for_ever);
  killed.kill();
  EXPECT_TRUE(killed.join());
  EXPECT_TRUE(is_kill(killed.exitcode())) << *killed.exitcode();
  internal::stop_fork_server();
  signal(SIGCHLD, before);
}

// Reaps every child at once, before who forked knows of it.
std::atomic<bool> g_reap_in_fork{false};
void reap_in_fork() {
  if (g_reap_in_fork) {
    while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
  }
}
// (Planted: a start() that takes such a child for one it cannot have throws.)
TEST(ForkProcess, AChildThatIsReapedBeforeStartReturnsHasEnded) {
  Watchdog dog(60s);
  internal::stop_fork_server();
  pthread_atfork(nullptr, reap_in_fork, nullptr);
  ForkProcess p(exit_with, 7);
  g_reap_in_fork = true;
  p.start();
  g_reap_in_fork = false;
  EXPECT_FALSE(p.is_alive());
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 7);
}

// -- Arguments ------------------------------------------------------------------------------------

struct Point {
  int x = 0;
  std::string label;
};
struct Scale {
  int factor = 1;
  Queue<int> out;
  void operator()(int n) const { out.put(n * factor); }
};
void send_back(Queue<std::string> q, int n, const std::string& s, std::vector<int> v, Point p,
               std::optional<int> none, double d) {
  std::ostringstream out;
  out << n << ' ' << s << ' ' << v.size() << ' ' << p.x << p.label << ' ' << none.has_value() << ' '
      << d;
  q.put(out.str());
}

TEST_P(EachMethod, ArgumentsArriveAsTheyAre) {
  Queue<std::string> q;
  EXPECT_EQ(exit_code_of(send_back, q, 42, "text", std::vector<int>(1000, 7), Point{3, "c"},
                         std::nullopt, 0.5),
            0);
  EXPECT_EQ(q.get(30), "42 text 1000 3c 0 0.5");
}

TEST_P(EachMethod, CallablesOfAllKindsRun) {
  Queue<int> q;
  EXPECT_EQ(exit_code_of([](Queue<int> q, int n) { q.put(n); }, q, 1), 0);
  EXPECT_EQ(exit_code_of(Scale{10, q}, 2), 0);
  EXPECT_EQ(exit_code_of(&Scale::operator(), Scale{100, q}, 3), 0);
  EXPECT_EQ(q.get(30), 1);
  EXPECT_EQ(q.get(30), 20);
  EXPECT_EQ(q.get(30), 300);
}

TEST_P(EachMethod, AnArgumentsViewIsCopiedWhenTheProcessIsMade) {
  Queue<std::string> q;
  auto text = std::make_unique<std::string>("short-lived, and longer than a small string may be");
  Process p(
      options(), [](Queue<std::string> q, std::string_view s) { q.put(std::string(s)); }, q,
      std::string_view(*text));
  std::string expected = *text;
  text->assign("overwritten");
  text.reset();
  p.start();
  p.join();
  EXPECT_EQ(q.get(30), expected);
}

void write_to(Fd fd, std::string text) {
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    exit(5);
  }
}
TEST_P(EachMethod, FileDescriptorsCross) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Fd in(ends[0]);
  EXPECT_EQ(exit_code_of(write_to, Fd(ends[1]), "through"), 0);
  char text[16] = {};
  EXPECT_EQ(read(in.get(), text, sizeof text), 7);
  EXPECT_STREQ(text, "through");
  // The Process has given its copy back.
  EXPECT_EQ(read(in.get(), text, sizeof text), 0);
}

TEST_P(EachMethod, AStartedProcessHoldsItsArgumentsNoMore) {
  auto& family = internal::Family::get();
  Queue<std::string> out;
  int before = 0;
  family.each_held([&](uint64_t, uint32_t) { ++before; });
  Process p(
      options(),
      [](Queue<int> q, Queue<std::string> out) {
        out.put("ready");
        q.get();
      },
      Queue<int>(), out);
  p.start();
  out.get(30);
  int after = 0;
  family.each_held([&](uint64_t, uint32_t) { ++after; });
  EXPECT_EQ(after, before);
  p.kill();
  p.join();
}

TEST_P(EachMethod, WhatAChildHeldIsFreeAfterJoin) {
  auto live = [] {
    int count = 0;
    internal::Family::get().arena().each_live([&](uint64_t, const internal::Block&) { ++count; });
    return count;
  };
  exit_code_of(nothing);
  int before = live();
  for (auto* f : {nothing, sleep_for_ever}) {
    Process p(
        options(), [](Queue<int>, std::string, void (*f)()) { f(); }, Queue<int>(),
        std::string(100000, 'x'), f);
    p.start();
    if (f != nothing) {
      p.kill();
    }
    p.join();
    EXPECT_EQ(live(), before);
  }
}

TEST(ForkProcess, SeesItsParentsMemory) {
  Watchdog dog(60s);
  int n = 41;
  auto deleter = std::make_unique<int>(1);
  ForkProcess p([&n, deleter = std::move(deleter)] { exit(n + *deleter); });
  n = 42;
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 43);
}

// -- Who is who -----------------------------------------------------------------------------------

void tell_names(Queue<std::string> q) {
  q.put(current_process().name());
  q.put(parent_process().has_value() ? parent_process()->name() : "nobody");
  q.put(std::to_string(parent_process()->pid()));
  q.put(std::to_string(current_process().pid()));
  q.put(current_process().authkey());
  q.put(get_start_method());
  q.put(parent_process()->is_alive() ? "alive" : "dead");
}

TEST_P(EachMethod, AChildKnowsItselfAndItsParent) {
  EXPECT_EQ(current_process().name(), "MainProcess");
  EXPECT_EQ(current_process().pid(), getpid());
  EXPECT_TRUE(current_process().is_alive());
  EXPECT_EQ(current_process().exitcode(), std::nullopt);
  EXPECT_EQ(current_process().authkey().size(), 32u);
  EXPECT_FALSE(parent_process().has_value());
  Queue<std::string> q;
  Process p(options("kid"), tell_names, q);
  p.start();
  EXPECT_EQ(q.get(30), "kid");
  EXPECT_EQ(q.get(30), "MainProcess");
  EXPECT_EQ(q.get(30), std::to_string(getpid()));
  EXPECT_EQ(q.get(30), std::to_string(p.pid()));
  EXPECT_EQ(q.get(30), current_process().authkey());
  EXPECT_EQ(q.get(30), GetParam());
  EXPECT_EQ(q.get(30), "alive");
  p.join();
}

// Starts `depth` generations below itself, each with the default method, and reports all names.
void descend(Queue<std::string> q, int depth) {
  q.put(current_process().name());
  if (depth > 0) {
    Process first(nothing);
    Process p(descend, q, depth - 1);
    p.start();
    p.join();
    exit(*p.exitcode());
  }
  exit(6);
}

TEST_P(EachMethod, NamesTellTheGenerations) {
  Queue<std::string> q;
  Process p(options(), descend, q, 3);
  std::string name = p.name();
  std::string type = is("fork")    ? "ForkProcess"
                     : is("spawn") ? "SpawnProcess"
                                   : "ForkServerProcess";
  EXPECT_EQ(name.substr(0, name.find('-')), type);
  std::string number = name.substr(name.find('-') + 1);
  EXPECT_EQ(Process(nothing).name(), "Process-" + std::to_string(std::stoi(number) + 1));
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 6);
  EXPECT_EQ(q.get(30), name);
  EXPECT_EQ(q.get(30), "Process-" + number + ":2");
  EXPECT_EQ(q.get(30), "Process-" + number + ":2:2");
  EXPECT_EQ(q.get(30), "Process-" + number + ":2:2:2");
}

TEST_P(EachMethod, ActiveChildrenAreThoseThatRun) {
  EXPECT_TRUE(active_children().empty());
  Process a = start(sleep_for_ever);
  Process b = start(sleep_for_ever);
  EXPECT_EQ(active_children(), (std::vector<Process>{a, b}));
  a.terminate();
  ASSERT_TRUE(readable(a.sentinel(), 60'000));
  EXPECT_EQ(active_children(), std::vector<Process>{b});
  EXPECT_EQ(a.exitcode(), -SIGTERM);
  b.terminate();
  b.join();
}

TEST_P(EachMethod, AHandlelessProcessRunsOn) {
  Queue<int> q;
  start([](Queue<int> q) { q.put(q.get() + 1); }, q);
  EXPECT_EQ(active_children().size(), 1u);
  Process again = active_children()[0];
  q.put(1);
  again.join();
  EXPECT_EQ(q.get(30), 2);
}

TEST_P(EachMethod, MisuseIsAnErrorWithPythonsText) {
  Process p(options("p"), sleep_for_ever);
  EXPECT_EQ(thrown<AssertionError>([&] { p.join(); }), "can only join a started process");
  std::string type = repr(p).substr(1, repr(p).find(' ') - 1);
  EXPECT_EQ(thrown<AssertionError>([&] { p.terminate(); }),
            "can only terminate a started process: " + type + " 'p' is not; call start() first");
  EXPECT_FALSE(p.is_alive());
  EXPECT_EQ(p.pid(), 0);
  EXPECT_EQ(p.exitcode(), std::nullopt);
  p.set_daemon(true);
  p.start();
  EXPECT_EQ(thrown<AssertionError>([&] { p.start(); }), "cannot start a process twice");
  EXPECT_EQ(thrown<AssertionError>([&] { p.set_daemon(false); }), "process has already started");
  EXPECT_EQ(thrown<ValueError>([&] { p.close(); }),
            "Cannot close a process while it is still running. You should first call join() or "
            "terminate().");
  p.kill();
  p.join();
  p.close();
  p.close();
  for (auto& call : std::vector<std::function<void()>>{
           [&] { p.start(); }, [&] { p.join(); }, [&] { p.is_alive(); }, [&] { p.terminate(); },
           [&] { p.kill(); }, [&] { p.pid(); }, [&] { p.exitcode(); }, [&] { p.sentinel(); }}) {
    EXPECT_EQ(thrown<ValueError>(call), "process object is closed");
  }
  EXPECT_EQ(p.name(), "p");
}

TEST_P(EachMethod, ReprIsPythons) {
  std::string me = std::to_string(getpid());
  EXPECT_EQ(repr(current_process()), "<_MainProcess name='MainProcess' parent=None started>");
  Process p(options("it's"), sleep_for_ever);
  std::string type = is("fork")    ? "ForkProcess"
                     : is("spawn") ? "SpawnProcess"
                                   : "ForkServerProcess";
  EXPECT_EQ(repr(p), "<" + type + " name=\"it's\" parent=" + me + " initial>");
  p.set_name("caf\u00e9\n\u200b\xff");
  EXPECT_EQ(repr(p), "<" + type + " name='caf\u00e9\\n\\u200b\\udcff' parent=" + me + " initial>");
  p.set_name("x");
  p.set_daemon(true);
  p.start();
  std::string pid = std::to_string(p.pid());
  EXPECT_EQ(repr(p), "<" + type + " name='x' pid=" + pid + " parent=" + me + " started daemon>");
  p.terminate();
  p.join();
  std::ostringstream out;
  out << p;
  EXPECT_EQ(out.str(), "<" + type + " name='x' pid=" + pid + " parent=" + me +
                           " stopped exitcode=-SIGTERM daemon>");
  p.close();
  EXPECT_EQ(repr(p), "<" + type + " name='x' parent=" + me + " closed daemon>");
}

TEST(Process, AForkedHandleIsUnknownToTheChild) {
  Watchdog dog(60s);
  ForkProcess p(sleep_for_ever);
  p.start();
  ForkProcess q([&] {
    bool ok = repr(p).find(" unknown>") != std::string::npos &&
              thrown<AssertionError>([&] { p.join(); }) == "can only join a child process" &&
              thrown<AssertionError>([&] { p.is_alive(); }) == "can only test a child process" &&
              active_children().empty();
    exit(ok ? 0 : 1);
  });
  q.start();
  q.join();
  EXPECT_EQ(q.exitcode(), 0);
  ForkProcess unstarted(nothing);
  ForkProcess r([&] {
    bool ok = thrown<AssertionError>([&] { unstarted.start(); }) ==
              "can only start a process object created by current process";
    exit(ok ? 0 : 1);
  });
  r.start();
  r.join();
  EXPECT_EQ(r.exitcode(), 0);
  p.kill();
  p.join();
}

// The end of a fork's child that ended in order.
void expect_success_of(pid_t child) {
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Process, AForkedHandleGivesItsDescriptorBackThoughAThreadOfTheParentWaits) {
  Watchdog dog(60s);
  Process p({.context = get_context("fork")}, sleep_for_ever);
  p.start();
  std::atomic<pid_t> waiter{0};
  std::thread waits([&] {
    waiter = gettid();
    p.join();
  });
  while (waiter == 0) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(testing::await_blocked_in(waiter, SYS_ppoll));
  const pid_t child = fork();
  if (child == 0) {
    const int fd = p.sentinel();
    p.close();
    p.close();
    _exit(fd >= 0 && fcntl(fd, F_GETFD) == -1 ? 0 : 1);
  }
  expect_success_of(child);
  EXPECT_GE(fcntl(p.sentinel(), F_GETFD), 0) << "the parent's own is there";
  p.kill();
  waits.join();
}

TEST(Process, AForkedHandleIsClosedWhereverThreadsOfTheParentWere) {
  Watchdog dog(120s);
  Process p({.context = get_context("fork")}, sleep_for_ever);
  p.start();
  std::atomic<bool> stop{false};
  std::thread looks([&] {
    while (!stop) {
      EXPECT_TRUE(p.is_alive());
    }
  });
  for (int i = 0; i < 500; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      const bool there = p.sentinel() >= 0;
      p.close();
      _exit(there ? 0 : 1);
    }
    expect_success_of(child);
  }
  stop = true;
  looks.join();
  p.kill();
  p.join();
}

// -- Daemons and ends of parents -------------------------------------------------------------------

void report_and_sleep(Queue<int> pids) {
  pids.put(getpid());
  sleep_for_ever();
}
void start_daemon(std::string method, Queue<int> pids) {
  Process p({.daemon = true, .context = get_context(method)}, report_and_sleep, pids);
  p.start();
  pids.put(p.pid());
}
TEST_P(EachMethod, ADaemonEndsWithItsParent) {
  Queue<int> pids;
  Process p = start(start_daemon, GetParam(), pids);
  Fd daemon = sentinel_of(pids.get(60));
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  EXPECT_TRUE(!daemon.valid() || readable(daemon.get()));
}

void wait_and_answer(Queue<int> in, Queue<int> out) { out.put(in.get() + 1); }
void start_and_return(std::string method, Queue<int> in, Queue<int> out) {
  Process p({.context = get_context(method)}, wait_and_answer, in, out);
  p.start();
  out.put(0);
}
TEST_P(EachMethod, AProcessJoinsItsChildrenWhenItEnds) {
  Queue<int> in;
  Queue<int> out;
  Process p = start(start_and_return, GetParam(), in, out);
  EXPECT_EQ(out.get(60), 0);
  EXPECT_FALSE(p.join(0.02));
  in.put(7);
  EXPECT_TRUE(p.join());
  EXPECT_EQ(out.get(0), 8);
}

void try_to_have_children(Queue<std::string> q) {
  Process p(nothing);
  q.put(p.daemon() ? "inherited" : "lost");
  try {
    p.start();
    q.put("started");
  } catch (const AssertionError& e) {
    q.put(text_of(e));
  }
}
TEST_P(EachMethod, DaemonsMayNotHaveChildren) {
  Queue<std::string> q;
  Process::Options o = options();
  o.daemon = true;
  Process p(o, try_to_have_children, q);
  p.start();
  p.join();
  EXPECT_EQ(q.get(0), "inherited");
  EXPECT_EQ(q.get(0), "daemonic processes are not allowed to have children");
}

// Reports its pid and those of its children, which are busy, and goes on.
void found_a_line(std::string method, Queue<int> pids, int depth, bool busy) {
  pids.put(getpid());
  if (depth > 0) {
    for (int i = 0; i < 2; ++i) {
      Process p({.context = get_context(method)}, found_a_line, method, pids, depth - 1, busy);
      p.start();
    }
  }
  busy ? run_for_ever() : sleep_for_ever();
}

TEST_P(EachMethod, DescendantsDieWithAKilledAncestor) {
  for (bool busy : {false, true}) {
    Queue<int> pids;
    // A process apart, so that nobody reaps its descendants but init.
    Process p = start(found_a_line, GetParam(), pids, 2, busy);
    std::vector<Fd> family;
    for (int i = 0; i < 7; ++i) {
      family.push_back(sentinel_of(pids.get(100)));
      ASSERT_TRUE(family.back().valid());
    }
    for (const Fd& fd : family) {
      EXPECT_FALSE(readable(fd.get()));
    }
    p.kill();
    for (const Fd& fd : family) {
      EXPECT_TRUE(readable(fd.get(), 60'000));
    }
    p.join();
  }
}

// Starts the next of the line, reports its pid, and goes on.
void stand_in_line(std::string method, Queue<int> pids, int below) {
  if (below > 0) {
    Process p({.context = get_context(method)}, stand_in_line, method, pids, below - 1);
    p.start();
  }
  pids.put(getpid());
  sleep_for_ever();
}

// Longer than what one process watches.
TEST(Process, AllOfALongLineDieWithTheFirst) {
  Watchdog dog(120s);
  constexpr int kLine = 12;
  static_assert(kLine - 1 > internal::kMostWatched);
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    Queue<int> pids;
    Process first({.context = get_context(method)}, stand_in_line, std::string(method), pids,
                  kLine - 1);
    first.start();
    std::vector<Fd> line;
    for (int i = 0; i < kLine; ++i) {
      line.push_back(sentinel_of(pids.get(100)));
      ASSERT_TRUE(line.back().valid());
    }
    for (const Fd& fd : line) {
      EXPECT_FALSE(readable(fd.get()));
    }
    first.kill();
    for (const Fd& fd : line) {
      EXPECT_TRUE(readable(fd.get(), 60'000)) << method;
    }
    first.join();
  }
}

// A process, its child, and the child of that. Of the second there is a copy that mp knows nothing of, and with which all that
// it had open stays open: so its death is not told to its child.
void start_line(std::string method, Queue<int> pids, Queue<int> copy, int depth) {
  Process p({.context = get_context(method)}, start_line, method, pids, copy, depth - 1);
  if (depth > 0) {
    p.start();
  }
  if (depth == 1) {
    const int pid =
        static_cast<int>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (pid == 0) {
      sleep_for_ever();
    }
    copy.put(pid);
  }
  pids.put(getpid());
  sleep_for_ever();
}
struct Line {
  Process top;
  int copy;
  std::vector<Fd> ends;
};
Line start_line_by(const char* method) {
  Queue<int> pids;
  Queue<int> copy;
  Process top({.context = get_context(method)}, start_line, std::string(method), pids, copy, 2);
  top.start();
  Line line{top, copy.get(100), {}};
  for (int i = 0; i < 3; ++i) {
    line.ends.push_back(sentinel_of(pids.get(100)));
    EXPECT_TRUE(line.ends.back().valid());
  }
  return line;
}
void end_copy(const Line& line) {
  Fd end = sentinel_of(line.copy);
  kill(line.copy, SIGKILL);
  EXPECT_TRUE(readable(end.get(), 60'000));
}

TEST_P(EachMethod, DescendantsDieAlsoBelowOneWhoseDeathIsNotTold) {
  Line line = start_line_by(GetParam());
  line.top.kill();
  for (const Fd& fd : line.ends) {
    EXPECT_TRUE(readable(fd.get(), 60'000));
  }
  line.top.join();
  end_copy(line);
}

TEST(Process, ThatAChildWatchesItsParentAloneIsCaught) {
  Watchdog dog(120s);
  internal::g_process_bug = internal::ProcessBug::kParentAlone;
  Line line = start_line_by("fork");
  internal::g_process_bug = internal::ProcessBug::kNone;
  auto ended = [&] {
    return std::count_if(line.ends.begin(), line.ends.end(),
                         [](const Fd& fd) { return readable(fd.get()); });
  };
  line.top.kill();
  while (ended() < 2) {
    std::this_thread::yield();
  }
  EXPECT_EQ(ended(), 2);
  line.top.join();
  end_copy(line);
  for (const Fd& fd : line.ends) {
    EXPECT_TRUE(readable(fd.get(), 60'000));
  }
}

TEST_P(EachMethod, ChildrenOutliveTheThreadThatStartedThem) {
  Queue<int> in;
  Queue<int> out;
  std::optional<Process> p;
  std::thread([&] { p = start(wait_and_answer, in, out); }).join();
  EXPECT_TRUE(p->is_alive());
  in.put(1);
  EXPECT_EQ(out.get(60), 2);
  p->join();
}

// -- Surroundings ---------------------------------------------------------------------------------

TEST_P(EachMethod, StandardInputIsEmpty) {
  EXPECT_EQ(exit_code_of([] {
              char c;
              exit(read(STDIN_FILENO, &c, 1) == 0 && std::getchar() == EOF ? 0 : 1);
            }),
            0);
}

TEST_P(EachMethod, AClosedStandardOutputDoesNotMatter) {
  Process p(
      options(),
      [](std::string method) {
        close(STDOUT_FILENO);
        close(STDIN_FILENO);
        Process q({.context = get_context(method)}, nothing);
        q.start();
        q.join();
        exit(*q.exitcode());
      },
      GetParam());
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
}

TEST_P(EachMethod, NoTraceOfTheStartIsInTheEnvironment) {
  EXPECT_EQ(exit_code_of([] {
              for (char** e = environ; *e != nullptr; ++e) {
                if (std::string(*e).rfind("MP_", 0) == 0) {
                  exit(1);
                }
              }
            }),
            0);
}

TEST_P(EachMethod, TheSignalMaskIsTheStartersOwn) {
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  int code = exit_code_of([] {
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    int blocked = 0;
    for (int s = 1; s < 32; ++s) {
      blocked += sigismember(&now, s);
    }
    exit(blocked == 1 && sigismember(&now, SIGUSR1) == 1 ? 0 : blocked + 1);
  });
  pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  internal::stop_fork_server();
  EXPECT_EQ(code, 0);
}

TEST_P(EachMethod, StartingLeavesNothingOpen) {
  exit_code_of(nothing);
  int before = open_fds();
  for (int i = 0; i < 30; ++i) {
    Process p = start(nothing);
    EXPECT_TRUE(p.join());
  }
  EXPECT_EQ(open_fds(), before);
}

TEST_P(EachMethod, ThreadsStartProcessesAtOnce) {
  Queue<int> q;
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        Process p = start([](Queue<int> q, int n) { q.put(n); }, q, t * 10 + i);
        p.join();
        good += p.exitcode() == 0;
      }
    });
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(good, 40);
  std::set<int> seen;
  for (int i = 0; i < 40; ++i) {
    seen.insert(q.get(30));
  }
  EXPECT_EQ(seen.size(), 40u);
}

TEST_P(EachMethod, ThreadsWaitForOneProcessAtOnce) {
  Queue<int> q;
  Process p = start([](Queue<int> q) { exit(q.get()); }, q);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] { good += p.join() && p.exitcode() == 5; });
  }
  q.put(5);
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(good, 4);
}

TEST_P(EachMethod, WhoClosesAProcessDisturbsNobodyWhoWaitsForIt) {
  for (int round = 0; round < 20; ++round) {
    Queue<int> q;
    Process p = start([](Queue<int> q) { exit(q.get()); }, q);
    std::atomic<int> waiting{0};
    std::atomic<int> wrong{0};
    auto use = [&](auto call) {
      return std::thread([&, call] {
        ++waiting;
        try {
          call();
        } catch (const ValueError& e) {
          wrong += std::string(e.what()).find("closed") == std::string::npos;
        }
      });
    };
    std::thread threads[] = {use([&] { p.join(); }),
                             use([&] { p.join(60s); }),
                             use([&] { p.interrupt(); }),
                             use([&] { active_children(); }),
                             use([&] {
                               while (p.is_alive()) {
                               }
                               p.close();
                             }),
                             use([&] {
                               p.join();
                               p.close();
                             })};
    while (waiting < 6) {
      std::this_thread::yield();
    }
    q.put(5);
    for (std::thread& t : threads) {
      t.join();
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_THROW(p.exitcode(), ValueError);
  }
}

// -- The whole tree --------------------------------------------------------------------------------

// A process of this program that is none of mp's, and one more under it; both say who they are.
void have_foreign_descendants(Queue<int> pids) {
  if (fork() == 0) {
    if (fork() == 0) {
      pids.put(getpid());
      sleep_for_ever();
    }
    pids.put(getpid());
    sleep_for_ever();
  }
  pids.put(getpid());
  sleep_for_ever();
}
void start_one_with_descendants(std::string method, Queue<int> pids) {
  Process p({.context = get_context(method)}, have_foreign_descendants, pids);
  p.start();
  have_foreign_descendants(pids);
}

TEST_P(EachMethod, KillTreeKillsDescendantsThatAreNotOfMpToo) {
  Queue<int> pids;
  Process p = start(start_one_with_descendants, GetParam(), pids);
  std::vector<Fd> tree;
  for (int i = 0; i < 6; ++i) {
    tree.push_back(sentinel_of(pids.get(100)));
    ASSERT_TRUE(tree.back().valid());
  }
  Process bystander = start(sleep_for_ever);
  p.kill_tree();
  for (const Fd& fd : tree) {
    EXPECT_TRUE(readable(fd.get(), 60'000));
  }
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), -SIGKILL);
  p.kill_tree();
  EXPECT_TRUE(bystander.is_alive());
  bystander.kill();
  bystander.join();
  EXPECT_EQ(
      thrown<AssertionError>([&] { Process(options("x"), nothing).kill_tree(); }).substr(0, 33),
      "can only kill a started process: ");
}

// Another program, which runs until it is killed, or ten minutes should nobody do that.
[[noreturn]] void become_sleep() {
  execl("/bin/sleep", "sleep", "600", nullptr);
  _exit(1);
}
// One as a child, one as a child of that, and one that belongs to nobody.
void start_programs(Queue<int> pids) {
  if (fork() == 0) {
    if (fork() == 0) {
      pids.put(getpid());
      become_sleep();
    }
    pids.put(getpid());
    become_sleep();
  }
  int parent = fork();
  if (parent == 0) {
    if (fork() == 0) {
      setsid();
      pids.put(getpid());
      become_sleep();
    }
    _exit(0);
  }
  waitpid(parent, nullptr, 0);
}
std::vector<Fd> programs_of(Queue<int> pids) {
  std::vector<Fd> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(sentinel_of(pids.get(100)));
    EXPECT_TRUE(all.back().valid());
  }
  return all;
}
void expect_ended(const std::vector<Fd>& all) {
  for (const Fd& fd : all) {
    EXPECT_TRUE(readable(fd.get(), 60'000));
  }
}
// Until told to go on.
void start_programs_and_wait(Queue<int> pids, Queue<int> go) {
  start_programs(pids);
  go.get();
}

Process start_tree(std::string_view method, bool daemon, void (*f)(Queue<int>, Queue<int>),
                   Queue<int> pids, Queue<int> go) {
  Process p({.daemon = daemon, .context = get_context(method), .kill_tree = true}, f, pids, go);
  p.start();
  return p;
}

TEST_P(EachMethod, AProcessMayTakeItsProgramsAlong) {
  Queue<int> pids;
  for (int signal : {SIGTERM, SIGKILL, SIGINT}) {
    Process p = start_tree(GetParam(), false, start_programs_and_wait, pids, Queue<int>());
    std::vector<Fd> programs = programs_of(pids);
    signal == SIGTERM ? p.terminate() : signal == SIGKILL ? p.kill() : p.interrupt();
    EXPECT_TRUE(p.join());
    EXPECT_EQ(p.exitcode(), -signal);
    expect_ended(programs);
    p.kill();
  }
}

TEST_P(EachMethod, AProcessThatEndsMayTakeItsProgramsAlong) {
  Queue<int> pids;
  Queue<int> go;
  for (auto f : {start_programs_and_wait,
                 +[](Queue<int> pids, Queue<int> go) {
                   start_programs_and_wait(pids, go);
                   exit(0);
                 },
                 +[](Queue<int> pids, Queue<int> go) {
                   start_programs_and_wait(pids, go);
                   std::exit(0);
                 }}) {
    Process p = start_tree(GetParam(), false, f, pids, go);
    std::vector<Fd> programs = programs_of(pids);
    go.put(1);
    EXPECT_TRUE(p.join());
    EXPECT_EQ(p.exitcode(), 0);
    for (const Fd& fd : programs) {
      EXPECT_TRUE(readable(fd.get(), 0));
    }
  }
}

TEST_P(EachMethod, ADaemonMayTakeItsProgramsAlong) {
  Queue<int> pids;
  Queue<int> go;
  Process parent = start(
      [](std::string method, Queue<int> pids, Queue<int> go) {
        start_tree(method, true, start_programs_and_wait, pids, Queue<int>());
        go.get();
      },
      GetParam(), pids, go);
  std::vector<Fd> programs = programs_of(pids);
  go.put(1);
  EXPECT_TRUE(parent.join());
  EXPECT_EQ(parent.exitcode(), 0);
  expect_ended(programs);
}

TEST_P(EachMethod, WithoutDescriptorsKillTreeIsAnErrorAndNobodyIsKilled) {
  Queue<int> pids;
  Process p = start_tree(GetParam(), false, start_programs_and_wait, pids, Queue<int>());
  std::vector<Fd> programs = programs_of(pids);
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  rlimit none{0, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  std::string killed = thrown<OSError>([&] { p.kill(); });
  std::string killed_tree = thrown<OSError>([&] { p.kill_tree(); });
  setrlimit(RLIMIT_NOFILE, &limit);
  std::string text = "mp: looking for the descendants of process " + std::to_string(p.pid()) +
                     ": [Errno 24] Too many open files";
  EXPECT_EQ(killed, text);
  EXPECT_EQ(killed_tree, text);
  EXPECT_TRUE(p.is_alive());
  for (const Fd& fd : programs) {
    EXPECT_FALSE(readable(fd.get()));
  }
  p.kill();
  EXPECT_TRUE(p.join());
  expect_ended(programs);
}

// -- A process that outlives its parent ----------------------------------------------------------

void live_on(Queue<int> said, Queue<int> go) {
  said.put(getpid());
  said.put(go.get());
}

// Ends, or dies, at once.
void leave_a_child(std::string method, bool daemon, bool die, Queue<int> said, Queue<int> go) {
  Process p({.daemon = daemon, .context = get_context(method), .outlives_parent = true}, live_on,
            said, go);
  p.start();
  if (die) {
    ::raise(SIGKILL);
  }
}

TEST_P(EachMethod, AProcessMayOutliveItsParent) {
  for (bool daemon : {false, true}) {
    for (bool die : {false, true}) {
      Queue<int> said;
      Queue<int> go;
      Process parent = start(leave_a_child, GetParam(), daemon, die, said, go);
      EXPECT_TRUE(parent.join());
      EXPECT_EQ(parent.exitcode(), die ? -SIGKILL : 0);
      Fd child = sentinel_of(said.get(100));
      ASSERT_TRUE(child.valid());
      go.put(7);
      EXPECT_EQ(said.get(100), 7);
      EXPECT_TRUE(readable(child.get(), 60'000));
    }
  }
}

// -- Another program -------------------------------------------------------------------------------

TEST_P(EachMethod, AScriptMayStandBetween) {
  internal::stop_fork_server();
  std::filesystem::path script =
      std::filesystem::path(::testing::TempDir()) / ("run_" + std::to_string(getpid()));
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  std::ofstream(script) << "#!/bin/sh\nFROM_SCRIPT=1 exec " << self << " \"$@\"\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  set_executable(script);
  EXPECT_EQ(exit_code_of([] { exit(std::getenv("FROM_SCRIPT") != nullptr ? 1 : 2); }),
            is("fork") ? 2 : 1);
  internal::stop_fork_server();
  std::filesystem::remove(script);
  if (!is("fork")) {
    Process p(options(), nothing);
    EXPECT_EQ(thrown<OSError>([&] { p.start(); }),
              "mp: starting " + script.string() +
                  ", set by set_executable(): [Errno 2] No such file or directory");
    set_executable("");
    p.start();
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
  }
  set_executable("");
}

// -- Fork server ----------------------------------------------------------------------------------

TEST(ForkServer, DeathOfItWhileAChildRunsEndsNoWait) {
  Watchdog dog(120s);
  Queue<int> in;
  ForkServerProcess p([](Queue<int> in) { exit(in.get()); }, in);
  p.start();
  std::thread killer([&] {
    kill(internal::fork_server_pid(), SIGKILL);
    in.put(3);
  });
  EXPECT_TRUE(p.join());
  EXPECT_TRUE(p.exitcode() == 3 || p.exitcode() == 255) << *p.exitcode();
  killer.join();
  internal::stop_fork_server();
}

TEST(ForkServer, KilledAgainAndAgainStartsNeverHang) {
  Watchdog dog(120s);
  std::atomic<bool> stop{false};
  std::thread killer([&] {
    // Younger and older servers, so that it dies in all it does.
    for (int round = 0; !stop; ++round) {
      usleep(round * 37 % 50 * 400);
      if (int server = internal::fork_server_pid(); server > 0) {
        kill(server, SIGKILL);
      }
    }
  });
  int started = 0;
  for (int i = 0; i < 300; ++i) {
    ForkServerProcess p(nothing);
    if (p.try_start().ok()) {
      ++started;
      EXPECT_TRUE(p.join());
      EXPECT_TRUE(p.exitcode() == 0 || p.exitcode() == 255) << *p.exitcode();
    }
  }
  stop = true;
  killer.join();
  EXPECT_GT(started, 0);
  internal::stop_fork_server();
  EXPECT_TRUE(testing::children_of(getpid()).empty());
}

// -- Its surroundings, before main -----------------------------------------------------------------

// Runs the disabled test `name` in this program, or in the copy of it at `program`, without the standard streams' numbers if
// `closed`; returns what waitpid() reports.
int run_disabled(const char* name, const char* program = "/proc/self/exe", bool closed = false) {
  std::string filter = std::string("--gtest_filter=") + name;
  pid_t pid = fork();
  if (pid == 0) {
    if (closed) {
      close_range(0, 2, 0);
    }
    execl(program, program, filter.c_str(), "--gtest_also_run_disabled_tests", nullptr);
    _exit(99);
  }
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

// Run by the test below, with numbers 0 to 2 closed. A watchdog of its own would take one of them.
TEST(NoStreams, DISABLED_NothingOfTheLibraryTakesTheirNumbers) {
  auto closed = [] {
    return fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
  };
  Queue<int> q;
  EXPECT_TRUE(closed());
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    Process p(
        {.context = get_context(method)},
        [](Queue<int> q) {
          std::printf("into nothing\n");
          q.put(fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0);
        },
        q);
    p.start();
    EXPECT_TRUE(closed());
    EXPECT_TRUE(p.join());
    EXPECT_EQ(p.exitcode(), 0);
    EXPECT_EQ(q.get(30), 1);
  }
  internal::stop_fork_server();
}

TEST(Process, AProgramWithoutStandardStreamsPrintsIntoNothingOfTheLibrarys) {
  Watchdog dog(120s);
  EXPECT_EQ(run_disabled("NoStreams.*", "/proc/self/exe", true), 0);
}

// -- The program's file ---------------------------------------------------------------------------

// Run by the test below, in a copy of this program.
TEST(Deleted, DISABLED_ProgramStartsItself) {
  Watchdog dog(60s);
  std::filesystem::remove(std::filesystem::read_symlink("/proc/self/exe"));
  for (const char* method : {"spawn", "forkserver"}) {
    Process p({.context = get_context(method)}, exit_with, 8);
    p.start();
    p.join();
    EXPECT_EQ(p.exitcode(), 8);
  }
  internal::stop_fork_server();
}

TEST(Process, ADeletedProgramStartsItself) {
  Watchdog dog(120s);
  std::filesystem::path copy =
      std::filesystem::path(::testing::TempDir()) / ("copy_" + std::to_string(getpid()));
  std::filesystem::copy_file("/proc/self/exe", copy);
  EXPECT_EQ(run_disabled("Deleted.*", copy.c_str()), 0);
  EXPECT_FALSE(std::filesystem::exists(copy));
}

}  // namespace
}  // namespace mp
