// _TestFinalize of the reference, and what mp/finalize.h and mp/after_fork.h promise.

#include "mp/finalize.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/after_fork.h"
#include "mp/internal/proc/finalizers.h"
#include "mp/parity/backends.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"

namespace mp::testing {
namespace {

template <class B>
class TestFinalize : public ParityTest {};
using OnProcesses = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestFinalize, OnProcesses, BackendNames);

// An object that has a finalizer, and may outlive the scope it is made in.
struct Foo {
  Finalize finalize;
};
std::function<void()> send(Connection out, std::string text) {
  return [out, text] { out.send(text); };
}

void make_finalizers(Connection out) {
  { Foo a{Finalize(send(out, "a"))}; }
  {
    Foo b{Finalize(send(out, "b"))};
    b.finalize();
    b.finalize();
  }
  // These live on.
  new Foo{Finalize(send(out, "c"))};
  new Foo{Finalize(send(out, "d10"), 1)};
  new Foo{Finalize(send(out, "d01"), 0)};
  new Foo{Finalize(send(out, "d02"), 0)};
  new Foo{Finalize(send(out, "d03"), 0)};
  at_exit(send(out, "e"), -10);
  at_exit(send(out, "STOP"), -100);
}

std::vector<std::string> received(Connection in) {
  std::vector<std::string> texts;
  for (;;) {
    texts.push_back(in.recv<std::string>());
    if (texts.back() == "STOP") {
      texts.pop_back();
      return texts;
    }
  }
}

TYPED_TEST(TestFinalize, test_finalize) {
  auto [in, out] = Pipe();
  typename TypeParam::Process p({.daemon = true}, make_finalizers, out);
  p.start();
  finish(p);
  EXPECT_EQ(received(in), (std::vector<std::string>{"a", "b", "d10", "d03", "d02", "d01", "e"}));
}

TYPED_TEST(TestFinalize, test_thread_safety) {
  constexpr int kRounds = 2000;
  std::atomic<int> calls{0};
  std::atomic<bool> done{false};
  std::thread runner([&] {
    while (!done) {
      internal::run_finalizers(0);
    }
  });
  {
    std::minstd_rand random;
    std::vector<std::unique_ptr<Foo>> some(32);
    for (int i = 0; i < kRounds; ++i) {
      int priority = std::uniform_int_distribution<int>(1, 100)(random);
      some[random() % some.size()].reset(
          new Foo{Finalize([&calls] { calls.fetch_add(1); }, priority)});
    }
  }
  done = true;
  runner.join();
  EXPECT_EQ(calls, kRounds);
}

// Not tests of the reference's suite, but its semantics, or what is better here.

void end_order(std::string method, Connection out) {
  at_exit(send(out, "before"));
  at_exit(send(out, "after"), -1);
  std::atexit([] {});
  Process child(
      {.context = get_context(method)}, [](Connection out) { at_exit(send(out, "child")); }, out);
  at_exit(send(out, "STOP"), -2);
  child.start();
}

TYPED_TEST(TestFinalize, ChildrenEndBetweenThoseOf0AndAboveAndTheOthers) {
  auto [in, out] = Pipe();
  finish(start<TypeParam>(end_order, TypeParam::kName, out));
  auto texts = received(in);
  // The child runs beside the first of them.
  EXPECT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts.back(), "after");
}

void exit_by_hand(Connection out) {
  at_exit(send(out, "finalizer"), 0);
  at_exit(send(out, "STOP"), -1);
  std::exit(5);
}

TYPED_TEST(TestFinalize, TheyRunAtExitToo) {
  auto [in, out] = Pipe();
  auto p = start<TypeParam>(exit_by_hand, out);
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 5);
  EXPECT_EQ(received(in), std::vector<std::string>{"finalizer"});
}

TYPED_TEST(TestFinalize, AChildBeginsWithoutAnyAndAnInheritedOneDoesNothing) {
  auto [in, out] = Pipe();
  Foo mine{Finalize(send(out, "the parent's"), 5)};
  if constexpr (std::is_same_v<TypeParam, OnFork>) {
    ForkProcess p([&mine, out = out] {
      out.send(std::string(mine.finalize.still_active() ? "active" : "not active"));
      mine.finalize();
    });
    p.start();
    finish(p);
    EXPECT_EQ(in.template recv<std::string>(), "not active");
  } else {
    finish(start<TypeParam>([] {}));
  }
  EXPECT_TRUE(mine.finalize.still_active());
  EXPECT_FALSE(in.poll());
  mine.finalize.cancel();
  EXPECT_FALSE(mine.finalize.still_active());
  mine.finalize();
  EXPECT_FALSE(in.poll());
}

TYPED_TEST(TestFinalize, AnExceptionOfOneStopsNoOther) {
  ::testing::internal::CaptureStderr();
  Queue<std::string> q;
  typename TypeParam::Process p(
      [](Queue<std::string> q) {
        at_exit([q] { q.put("first"); }, 2);
        at_exit([] { throw std::range_error("too far"); }, 1);
        at_exit([q] { q.put("last"); }, 0);
      },
      q);
  p.start();
  finish(p);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "mp: a finalizer failed: std::range_error: too far\n");
  EXPECT_EQ(q.get(), "first");
  EXPECT_EQ(q.get(), "last");
  Finalize thrower([] { throw std::range_error("called"); });
  EXPECT_THROW(thrower(), std::range_error);
}

TYPED_TEST(TestFinalize, ExitInOneStopsNoOtherAndIsTheExitCode) {
  ::testing::internal::CaptureStderr();
  Queue<std::string> q;
  typename TypeParam::Process p(
      [](Queue<std::string> q) {
        at_exit([q] { q.put("first"); }, 2);
        at_exit([] { exit(6); }, 1);
        at_exit([q] { q.put("last"); }, -1);
        {
          Finalize dropped([] { exit(3); });
        }
        q.put("goes on");
      },
      q);
  p.start();
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 6);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "mp: a finalizer failed: SystemExit: 3\n");
  EXPECT_EQ(q.get(), "goes on");
  EXPECT_EQ(q.get(), "first");
  EXPECT_EQ(q.get(), "last");
}

// A program that nobody of mp started: run anew, as itself.
TEST(FinalizeOfTheFirstProcess, ExitInOneStopsNoOtherAndIsTheExitCode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::atexit([] { std::fputs("a handler from before", stderr); });
        at_exit([] { std::fputs("last, then ", stderr); }, -1);
        at_exit([] { exit(6); }, 1);
        std::exit(0);
      },
      ::testing::ExitedWithCode(6), "^last, then a handler from before");
}

bool begin_pid_namespace() {
  return unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
}

TEST(FinalizeOfTheFirstProcess, AChildWithTheSamePidBeginsWithout) {
  int failed = 0;
  Finalize mine([&] { ++failed; }, 1);
  // In a pid namespace of its own a child, and that one's, are number 1 both.
  int pid = fork();
  if (pid == 0) {
    if (!begin_pid_namespace()) {
      _exit(2);
    }
    int first = fork();
    if (first == 0) {
      Finalize its([&] { ++failed; }, 1);
      if (!begin_pid_namespace()) {
        _exit(2);
      }
      int second = fork();
      if (second == 0) {
        internal::run_finalizers(0);
        _exit(getpid() != 1 ? 2 : its.still_active() || mine.still_active() ? 1 : failed);
      }
      int status = 0;
      waitpid(second, &status, 0);
      its.cancel();
      _exit(WEXITSTATUS(status));
    }
    int status = 0;
    waitpid(first, &status, 0);
    _exit(WEXITSTATUS(status));
  }
  int status = 0;
  waitpid(pid, &status, 0);
  mine.cancel();
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) {
    GTEST_SKIP() << "no pid namespaces for this user";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// -- After a fork -----------------------------------------------------------------------------------

std::vector<std::string>& log_of_hooks() {
  static auto& log = *new std::vector<std::string>;
  return log;
}
// Registered before main, and so in every program of this file.
[[maybe_unused]] const bool g_first =
    (register_after_fork([] { log_of_hooks().push_back("first of " + current_process().name()); }),
     register_after_fork([] { log_of_hooks().push_back("second"); }), register_after_fork([] {
       if (current_process().name() == "Leaver") {
         exit(7);
       }
     }),
     true);

void tell_hooks(Queue<std::string> q) {
  for (const std::string& text : log_of_hooks()) {
    q.put(text);
  }
  q.put("STOP");
}
std::vector<std::string> taken(Queue<std::string> q) {
  std::vector<std::string> texts;
  for (std::string text; (text = q.get()) != "STOP";) {
    texts.push_back(text);
  }
  return texts;
}

TYPED_TEST(TestFinalize, HooksRunInTheChildInTheirOrderBeforeItsFunction) {
  Queue<std::string> q;
  auto here = std::make_shared<std::string>("third, of an object");
  auto gone = std::make_shared<std::string>("of no object");
  register_after_fork(here, [](std::string& text) { log_of_hooks().push_back(text); });
  register_after_fork(gone, [](std::string& text) { log_of_hooks().push_back(text); });
  gone.reset();
  typename TypeParam::Process p({.name = "Hooked"}, tell_hooks, q);
  p.start();
  finish(p);
  std::vector<std::string> expected = {"first of Hooked", "second"};
  if constexpr (std::is_same_v<TypeParam, OnFork>) {
    expected.push_back("third, of an object");
  }
  EXPECT_EQ(taken(q), expected);
  EXPECT_TRUE(log_of_hooks().empty());
}

TYPED_TEST(TestFinalize, AHookMayEndTheChild) {
  ::testing::internal::CaptureStderr();
  Queue<std::string> q;
  typename TypeParam::Process p({.name = "Leaver"}, tell_hooks, q);
  p.start();
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 7);
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

void descend(Queue<int> q, int depth) {
  if (depth > 1) {
    log_of_hooks().clear();
    Process p(descend, q, depth - 1);
    p.start();
    p.join();
    exit(*p.exitcode());
  }
  q.put(static_cast<int>(log_of_hooks().size()));
}

TYPED_TEST(TestFinalize, test_lock) {
  Queue<int> q;
  finish(start<TypeParam>(descend, q, 5));
  EXPECT_EQ(q.get(), 2);
}

// What a hook holds: its end asks for another hook.
struct Held {
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    register_after_fork(std::make_shared<int>(0), [](int&) {});
  }
};

TYPED_TEST(TestFinalize, HooksOfObjectsThatAreGoneAreForgotten) {
  std::vector<std::weak_ptr<Held>> all;
  for (int i = 0; i < 1000; ++i) {
    auto held = std::make_shared<Held>();
    all.push_back(held);
    register_after_fork(std::make_shared<int>(i), [held](int&) {});
  }
  size_t kept = 0;
  for (const auto& held : all) {
    kept += held.expired() ? 0 : 1;
  }
  EXPECT_LE(kept, 32u);
}

}  // namespace
}  // namespace mp::testing
