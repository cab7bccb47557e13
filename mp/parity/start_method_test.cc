// The reference's tests of start methods and of what surrounds a child: TestStartMethod, TestNoForkBomb, TestCloseFds,
// _TestAtExit, MiscTestCase, TestStdinBadfiledescriptor, _TestPollEintr, and those of how a main program is given.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "mp/context.h"
#include "mp/dummy/process.h"
#include "mp/forkserver_preload.h"
#include "mp/function.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/lock.h"
#include "mp/logging.h"
#include "mp/parity/backends.h"
#include "mp/pipe.h"
#include "mp/pool.h"
#include "mp/process.h"
#include "mp/queue.h"

namespace mp::testing {
namespace {

template <class B>
class TestStartMethod : public ParityTest {};
using OnProcesses = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestStartMethod, OnProcesses, BackendNames);

void tell_method(Connection out) { out.send(get_start_method()); }

void check_context(const Context& context) {
  auto [in, out] = Pipe(false);
  Process p({.context = context}, tell_method, out);
  p.start();
  out.close();
  EXPECT_EQ(in.recv<std::string>(), context.get_start_method());
  finish(p);
}

TYPED_TEST(TestStartMethod, test_context) {
  Context context = get_context(TypeParam::kName);
  EXPECT_EQ(context.get_start_method(), TypeParam::kName);
  EXPECT_EQ(context.get_context(), context);
  for (const char* method : {"spawn", TypeParam::kName}) {
    EXPECT_EQ(error_of([&] { context.set_start_method(method); }),
              "ValueError: cannot set start method of concrete context");
  }
  check_context(context);
}

TYPED_TEST(TestStartMethod, test_spawn_dont_set_context) {
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
  finish(start<TypeParam>([] {}));
  Lock lock;
  Queue<int> q;
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
}

// In a process of its own, since it sets what is the process's.
void set_and_check(std::string method) {
  set_start_method(method, true);
  bool ok = get_start_method() == method && get_context().get_start_method() == method;
  Queue<std::string> q;
  Process p([](Queue<std::string> q) { q.put(get_start_method()); }, q);
  p.start();
  p.join();
  exit(ok && q.get() == method ? 0 : 1);
}

TYPED_TEST(TestStartMethod, test_set_get) {
  finish(start<TypeParam>(set_and_check, TypeParam::kName));
}

TYPED_TEST(TestStartMethod, test_get_all_start_methods) {
  EXPECT_EQ(get_all_start_methods(), (std::vector<std::string>{"forkserver", "fork", "spawn"}));
}

void put_and_take(Queue<int> q, Lock lock) {
  lock.acquire();
  q.put(q.get() + 1);
  lock.release();
}

TYPED_TEST(TestStartMethod, test_mixed_startmethod) {
  // A lock or a queue is of no start method: each method gets what any other got before.
  Queue<int> q;
  Lock lock;
  q.put(0);
  for (const char* method : {TypeParam::kName, "fork", "spawn", "forkserver", TypeParam::kName}) {
    Process p({.context = get_context(method)}, put_and_take, q, lock);
    p.start();
    finish(p);
  }
  EXPECT_EQ(q.get(), 5);
}

void put_one(Queue<int> q) { q.put(1); }
void put_two_and_nest_once(Queue<int> q) {
  q.put(2);
  Process p(put_one, q);
  p.start();
  p.join();
}

TYPED_TEST(TestStartMethod, test_nested_startmethod) {
  Queue<int> q;
  finish(start<TypeParam>(put_two_and_nest_once, q));
  EXPECT_EQ((std::set<int>{q.get(), q.get()}), (std::set<int>{1, 2}));
  EXPECT_TRUE(q.empty());
}

// -- The main program ------------------------------------------------------------------------------

// Runs this program with the disabled test `name` and returns what it wrote to stdout and stderr; its exit status goes to
// `status`.
std::string output_of(const std::string& name, int* status) {
  std::string filter = "--gtest_filter=" + name;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return "no pipe";
  }
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    unsetenv("TEST_PREMATURE_EXIT_FILE");
    execl("/proc/self/exe", "program", filter.c_str(), "--gtest_also_run_disabled_tests",
          "--gtest_brief=1", nullptr);
    _exit(99);
  }
  close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;) {
    text.append(part, static_cast<size_t>(n));
  }
  close(ends[0]);
  waitpid(pid, status, 0);
  return text;
}

class TestMainProgram : public ParityTest {};

// The reference's guard is here freeze_support(): a child never comes as far as main() goes on.
TEST(Bomb, DISABLED_fork) {
  ForkProcess p([] { std::puts("child"); });
  p.start();
  p.join();
  std::puts("parent");
}
TEST(Bomb, DISABLED_spawn) {
  SpawnProcess p([] { std::puts("child"); });
  p.start();
  p.join();
  std::puts("parent");
}
TEST(Bomb, DISABLED_forkserver) {
  ForkServerProcess p([] { std::puts("child"); });
  p.start();
  p.join();
  std::puts("parent");
}
TEST_F(TestMainProgram, test_noforkbomb) {
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    int status = -1;
    std::string text = output_of(std::string("Bomb.DISABLED_") + method, &status);
    EXPECT_EQ(status, 0);
    size_t at = text.find("child\nparent\n");
    EXPECT_NE(at, std::string::npos) << text;
    EXPECT_EQ(text.find("child", at + 1), std::string::npos) << text;
  }
}

int square(int x) { return x * x; }

// What a program prints is `wanted`, and nothing else on stderr either.
void check_script(const std::string& name, const std::string& wanted) {
  int status = -1;
  std::string text = output_of(name, &status);
  EXPECT_EQ(text.substr(0, text.find("[===")), wanted);  // gtest's own lines
  EXPECT_EQ(status, 0);
}

// Main programs whose functions lie in themselves.
void basic_script(const char* method) {
  set_start_method(method);
  Pool pool(5);
  std::string text;
  for (int n : pool.map_async(square, std::vector<int>{1, 2, 3}).get()) {
    text += (text.empty() ? "" : ", ") + std::to_string(n);
  }
  std::printf("%s -> [%s]\n", get_start_method().c_str(), text.c_str());
}
TEST(BasicScript, DISABLED_fork) { basic_script("fork"); }
TEST(BasicScript, DISABLED_spawn) { basic_script("spawn"); }
TEST(BasicScript, DISABLED_forkserver) { basic_script("forkserver"); }
TYPED_TEST(TestStartMethod, test_basic_script) {
  const std::string method = TypeParam::kName;
  check_script("BasicScript.DISABLED_" + method, method + " -> [1, 4, 9]\n");
}

TEST(LargePool, DISABLED_sum) {
  Pool pool(200);
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  int sum = 0;
  for (int n : pool.map(square, numbers)) {
    sum += n;
  }
  std::printf("%d\n", sum);
}
TEST_F(TestMainProgram, test_large_pool) { check_script("LargePool.DISABLED_sum", "332833500\n"); }

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) {
    words.push_back(word);
  }
  return words;
}

TYPED_TEST(TestStartMethod, test_preload_main_sys_argv) {
  Queue<std::vector<std::string>> q;
  finish(start<TypeParam>([](Queue<std::vector<std::string>> q) { q.put(command_line()); }, q));
  EXPECT_EQ(q.get(), command_line());
}

// Run by the test below, with 250 KB of arguments.
TEST(LargeArgv, DISABLED_children_have_it) {
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    Process p({.context = get_context(method)}, [] { exit(command_line().size() > 2000 ? 0 : 1); });
    p.start();
    finish(p);
  }
}
TEST_F(TestMainProgram, test_preload_main_large_sys_argv) {
  std::vector<std::string> words = {"program", "--gtest_filter=LargeArgv.*",
                                    "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
  words.resize(2600, std::string(100, 'x'));
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  pid_t pid = fork();
  if (pid == 0) {
    execv("/proc/self/exe", argv.data());
    _exit(99);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

// -- The fork server's preload -----------------------------------------------------------------------

struct Preloaded {
  int runs = 0;
  int pid = 0;
};
Preloaded g_preloaded;

void preload() {
  ++g_preloaded.runs;
  g_preloaded.pid = getpid();
}
void print_noise() {
  std::printf("noise on stdout ");
  std::cout << "and on its stream ";
}
void make_a_lock() {
  static Lock* lock = new Lock;
  lock->acquire();
  lock->release();
}
void fail() { throw std::range_error("too far"); }

class TestPreload : public ParityTest {
 protected:
  void SetUp() override {
    ParityTest::SetUp();
    internal::stop_fork_server();
  }
  void TearDown() override {
    set_forkserver_preload({});
    ParityTest::TearDown();
  }
  // What is in place in a child.
  static Preloaded seen_by_child() {
    Queue<Preloaded> q;
    finish(testing::start<OnForkServer>([](Queue<Preloaded> q) { q.put(g_preloaded); }, q));
    return q.get();
  }
};

TEST_F(TestPreload, test_forkserver_preload_imports_sys_path) {
  set_forkserver_preload({preload});
  Preloaded first = seen_by_child();
  EXPECT_EQ(first.runs, 1);
  EXPECT_EQ(first.pid, internal::fork_server_pid());
  EXPECT_EQ(seen_by_child().runs, 1);
  EXPECT_EQ(g_preloaded.runs, 0);
  // A server after this one's death preloads again.
  kill(internal::fork_server_pid(), SIGKILL);
  internal::stop_fork_server();
  EXPECT_EQ(seen_by_child().runs, 1);
  EXPECT_NE(seen_by_child().pid, first.pid);
}

TEST_F(TestPreload, test_std_streams_flushed_after_preload) {
  ::testing::internal::CaptureStdout();
  set_forkserver_preload({print_noise});
  for (int i = 0; i < 3; ++i) {
    finish(testing::start<OnForkServer>([] { std::printf("child "); }));
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "noise on stdout and on its stream child child child ");
}

TEST_F(TestPreload, test_preload_resources) {
  ::testing::internal::CaptureStderr();
  set_forkserver_preload({make_a_lock});
  finish(testing::start<OnForkServer>([] { make_a_lock(); }));
  internal::stop_fork_server();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

// The fork server is this program up to freeze_support(); children do not run main() again, and before main only that once.
int g_before_main = getpid();
TEST_F(TestPreload, test_preload_main) {
  Queue<int> q;
  finish(testing::start<OnForkServer>([](Queue<int> q) { q.put(g_before_main); }, q));
  EXPECT_EQ(q.get(), internal::fork_server_pid());
}

TEST_F(TestPreload, WhatOneThrowsIsToldAndTheOthersRun) {
  ::testing::internal::CaptureStderr();
  set_forkserver_preload({fail, preload});
  EXPECT_EQ(seen_by_child().runs, 1);
  internal::stop_fork_server();
  set_forkserver_preload({fail, preload}, "ignore");
  EXPECT_EQ(seen_by_child().runs, 1);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "mp: the fork server's preload mp::testing::(anonymous namespace)::fail failed: "
            "std::range_error: too far\n");
}

// As SystemExit, which is no Exception, does.
void leave() { exit(0); }
TEST_F(TestPreload, OneThatEndsTheProcessStopsAllStarts) {
  set_forkserver_preload({leave, preload}, "ignore");
  ForkServerProcess p([] {});
  EXPECT_EQ(error_of([&] { p.start(); }).substr(0, 104),
            "RuntimeError: mp: the fork server ended with exit code 0 before it served: what "
            "set_forkserver_preload()");
  set_forkserver_preload({});
  p.start();
  finish(p);
}

TEST_F(TestPreload, WhatOneThrowsMayStopAllStarts) {
  ::testing::internal::CaptureStderr();
  set_forkserver_preload({fail}, "fail");
  ForkServerProcess p([] {});
  EXPECT_EQ(error_of([&] { p.start(); }).substr(0, 111),
            "RuntimeError: mp: the fork server ended with exit code 1 before it served: what "
            "set_forkserver_preload() gave i");
  std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(
      text.starts_with("mp: the fork server's preload:\n"
                       "Traceback (most recent call first):\n"
                       "#0 mp::testing::(anonymous namespace)::fail()\n"))
      << text;
  EXPECT_TRUE(text.ends_with("\nstd::range_error: too far\n")) << text;
  set_forkserver_preload({});
  p.start();
  finish(p);
  EXPECT_EQ(error_of([&] { set_forkserver_preload({}, "warm"); }),
            "ValueError: on_error must be 'ignore', 'warn' or 'fail', not 'warm'");
}

TEST_F(TestPreload, HandlesInPreloadedFunctionsReachTheServer) {
  Queue<int> q;
  set_forkserver_preload({bind([](Queue<int> q) { q.put(getpid()); }, q)});
  seen_by_child();
  EXPECT_EQ(q.get(), internal::fork_server_pid());
}

// -- Surroundings ---------------------------------------------------------------------------------

TYPED_TEST(TestStartMethod, test_closefd) {
  int high = fcntl(STDERR_FILENO, F_DUPFD, 100);
  Queue<int> q;
  finish(start<TypeParam>([](Queue<int> q, int fd) { q.put(fcntl(fd, F_GETFD) >= 0 ? 0 : errno); },
                          q, high));
  close(high);
  EXPECT_EQ(q.get(), (std::is_same_v<TypeParam, OnFork> ? 0 : EBADF));
}

std::string* g_file = nullptr;
void write_at_exit(std::string file) {
  g_file = new std::string(file);
  std::atexit([] { std::ofstream(*g_file) << "deadbeef"; });
}

TYPED_TEST(TestStartMethod, test_atexit) {
  std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / ("atexit" + std::to_string(getpid()));
  finish(start<TypeParam>(write_at_exit, file.string()));
  std::string text;
  std::ifstream(file) >> text;
  EXPECT_EQ(text, "deadbeef");
  std::filesystem::remove(file);
}

TYPED_TEST(TestStartMethod, test_queue_in_process) {
  finish(start<TypeParam>([] {
    Queue<int> q;
    Process p([](Queue<int> q) { q.put(1); }, q);
    p.start();
    bool ok = q.get() == 1;
    p.join();
    exit(ok ? 0 : 1);
  }));
}

TYPED_TEST(TestStartMethod, test_flushing) {
  ::testing::internal::CaptureStdout();
  std::printf("parent ");
  std::cout << "stream ";
  finish(start<TypeParam>([] {
    std::printf("child ");
    std::cout << "too ";
  }));
  std::printf("end");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "parent stream child too end");
}

std::atomic<int> g_signals{0};
void signal_parent_until_told(Queue<int> stop) {
  while (stop.empty()) {
    kill(parent_process()->pid(), SIGUSR1);
    usleep(1000);
  }
}

TYPED_TEST(TestStartMethod, test_poll_eintr) {
  struct sigaction action {};
  action.sa_handler = [](int) { ++g_signals; };
  struct sigaction before;
  sigaction(SIGUSR1, &action, &before);
  Queue<int> stop;
  auto killer = start<TypeParam>(signal_parent_until_told, stop);
  while (g_signals == 0) {
    usleep(100);
  }
  auto p = start<TypeParam>([] { usleep(20'000); });
  finish(p);
  stop.put(1);
  finish(killer);
  sigaction(SIGUSR1, &before, nullptr);
}

// In a process of its own: it warns once.
void fork_with_a_thread(Queue<std::string> texts) {
  get_logger().add_handler([texts](const LogRecord& r) { texts.put(std::string(r.message)); });
  ForkProcess([] {}).start();
  Queue<int> end;
  dummy::Process thread([end] { end.get(); });
  thread.start();
  for (int i = 0; i < 3; ++i) {
    ForkProcess p([] {});
    p.start();
    p.join();
  }
  end.put(1);
  thread.join();
}

TEST_F(TestMainProgram, test_fork) {
  Queue<std::string> texts;
  SpawnProcess p(fork_with_a_thread, texts);
  p.start();
  finish(p);
  EXPECT_EQ(texts.get(), "This process (pid=" + std::to_string(p.pid()) +
                             ") is multi-threaded, use of fork() may lead to deadlocks in the "
                             "child.");
  EXPECT_TRUE(texts.empty());
}

void start_it(dummy::Process thread, Queue<int> q) {
  thread.start();
  thread.join();
  q.put(*thread.exitcode());
}

TEST_F(TestMainProgram, test_forked_thread_not_started) {
  dummy::Process thread([] {});
  Queue<int> q;
  ForkProcess p(start_it, thread, q);
  p.start();
  finish(p);
  EXPECT_EQ(q.get(), 0);
}

}  // namespace
}  // namespace mp::testing
