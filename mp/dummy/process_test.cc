#include "mp/dummy/process.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/process.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

template <class Body>
std::string thrown(const Body& body) {
  try {
    body();
  } catch (const RuntimeError& e) {
    return e.what();
  }
  return "nothing";
}

// A thread that runs until it is let go.
struct Gate {
  std::promise<void> promise;
  std::shared_future<void> open = promise.get_future().share();
};

TEST(DummyProcess, RunsItsFunctionWithItsArguments) {
  Watchdog dog(60s);
  std::string seen;
  auto box = std::make_unique<int>(4);
  Process p([&](std::string s, std::unique_ptr<int> n) { seen = s + std::to_string(*n); }, "text",
            std::move(box));
  EXPECT_EQ(p.exitcode(), std::nullopt);
  EXPECT_FALSE(p.is_alive());
  EXPECT_EQ(p.pid(), 0);
  p.start();
  EXPECT_TRUE(p.join());
  EXPECT_EQ(seen, "text4");
  EXPECT_EQ(p.exitcode(), 0);
  EXPECT_FALSE(p.is_alive());
}

TEST(DummyProcess, JoinWaitsAsLongAsItIsTold) {
  Watchdog dog(60s);
  Gate gate;
  Process p([open = gate.open] { open.wait(); });
  p.start();
  EXPECT_FALSE(p.join(0));
  EXPECT_FALSE(p.join(-1));
  auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(p.join(std::chrono::milliseconds(20)));
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(20));
  EXPECT_TRUE(p.is_alive());
  EXPECT_EQ(p.exitcode(), std::nullopt);
  EXPECT_EQ(active_children(), std::vector<Process>{p});
  gate.promise.set_value();
  EXPECT_TRUE(p.join());
  EXPECT_TRUE(p.join(0));
  EXPECT_TRUE(active_children().empty());
}

TEST(DummyProcess, ManyThreadsMayJoinOne) {
  Watchdog dog(60s);
  Gate gate;
  Process p([open = gate.open] { open.wait(); });
  p.start();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { good += p.join(); });
  }
  gate.promise.set_value();
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(good, 4);
}

TEST(DummyProcess, AnExceptionIsToldAndEndsTheThreadAlone) {
  ::testing::internal::CaptureStderr();
  Process p({.name = "thrower"}, [] { throw ValueError("not a number"); });
  p.start();
  p.join();
  std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(
      text.starts_with("Exception in thread thrower:\nTraceback (most recent call first):\n#0 "))
      << text;
  EXPECT_TRUE(text.ends_with("\nValueError: not a number\n")) << text;
  EXPECT_EQ(p.exitcode(), 0);
}

TEST(DummyProcess, ExitEndsTheThreadAlone) {
  std::atomic<bool> after{false};
  Process p([&] {
    mp::exit(3);
    after = true;
  });
  p.start();
  p.join();
  EXPECT_FALSE(after);
}

TEST(DummyProcess, PthreadExitEndsTheThreadAlone) {
  Watchdog dog(10s);
  auto held = std::make_shared<int>(1);
  Process thread([held] { pthread_exit(nullptr); });
  thread.start();
  thread.join();
  EXPECT_FALSE(thread.is_alive());
  EXPECT_EQ(thread.exitcode(), 0);
  EXPECT_TRUE(active_children().empty());
}

TEST(DummyProcess, MisuseIsAnError) {
  Watchdog dog(60s);
  Gate gate;
  Process p([open = gate.open] { open.wait(); });
  EXPECT_EQ(thrown([&] { p.join(); }), "cannot join thread before it is started");
  std::thread([&] {
    EXPECT_NE(thrown([&] { p.start(); }).find("was made by another thread"), std::string::npos);
  }).join();
  p.start();
  EXPECT_EQ(thrown([&] { p.start(); }), "threads can only be started once");
  EXPECT_EQ(thrown([&] { p.set_daemon(true); }), "cannot set daemon status of active thread");
  gate.promise.set_value();
  p.join();
  std::string inside;
  Process q([&] { inside = thrown([] { current_process().join(); }); });
  q.start();
  q.join();
  EXPECT_EQ(inside, "cannot join current thread");
}

TEST(DummyProcess, KnowsItsNameAndItsFlag) {
  Process p({.name = "w", .daemon = true}, [] {
    EXPECT_EQ(current_process().name(), "w");
    EXPECT_TRUE(current_process().daemon());
    EXPECT_TRUE(Process([] {}).daemon());
    EXPECT_EQ(current_process().pid(), gettid());
  });
  EXPECT_EQ(repr(p), "<DummyProcess(w, initial daemon)>");
  p.start();
  p.join();
  EXPECT_EQ(repr(p), "<DummyProcess(w, stopped daemon " + std::to_string(p.pid()) + ")>");
  EXPECT_EQ(current_process().name(), "MainThread");
  EXPECT_FALSE(current_process().daemon());
  std::ostringstream out;
  out << current_process();
  EXPECT_EQ(out.str(), "<_MainThread(MainThread, started " + std::to_string(getpid()) + ")>");
  std::string name = Process([] {}).name();
  EXPECT_EQ(name.rfind("Thread-", 0), 0u) << name;
}

TEST(DummyProcess, AProcessWaitsForItsThreadsUnlessTheyAreDaemons) {
  Watchdog dog(60s);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  mp::ForkProcess p([&] {
    Process daemon({.daemon = true}, [] {
      for (;;) {
        pause();
      }
    });
    daemon.start();
    Process worker([&] {
      while (testing::process_state(getpid()) == 'R') {
        usleep(1000);
      }
      EXPECT_EQ(write(ends[1], "x", 1), 1);
    });
    worker.start();
  });
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  close(ends[1]);
  char c;
  EXPECT_EQ(read(ends[0], &c, 1), 1);
  close(ends[0]);
}

TEST(DummyProcess, AForkedChildHasNoneOfThem) {
  Watchdog dog(60s);
  Gate gate;
  Process p([open = gate.open] { open.wait(); });
  p.start();
  pid_t pid = fork();
  if (pid == 0) {
    _exit(active_children().empty() ? 0 : 1);
  }
  int status;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  gate.promise.set_value();
  p.join();
}

}  // namespace
}  // namespace mp::dummy
