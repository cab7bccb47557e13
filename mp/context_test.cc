#include "mp/context.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "mp/errors.h"
#include "mp/lock.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"

namespace mp {
namespace {

template <class E, class Body>
std::string thrown(const Body& body) {
  try {
    body();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing";
}

// What the reference does, in its words: _TestStartMethod, and DefaultContext of context.py.
class StartMethods : public ::testing::Test {
 protected:
  ~StartMethods() override { set_start_method(std::nullopt, true); }

  static std::string second_set() {
    return thrown<RuntimeError>([] { set_start_method("fork"); });
  }
};

constexpr char kAlreadySet[] = "context has already been set";

TEST_F(StartMethods, ForkserverIsTheDefault) {
  EXPECT_EQ(get_all_start_methods(), (std::vector<std::string>{"forkserver", "fork", "spawn"}));
  EXPECT_EQ(get_start_method(), get_all_start_methods()[0]);
}

TEST_F(StartMethods, UnknownOnesAreRefused) {
  EXPECT_EQ(thrown<ValueError>([] { get_context("thread"); }), "cannot find context for 'thread'");
  EXPECT_EQ(thrown<ValueError>([] { get_context(""); }), "cannot find context for ''");
  EXPECT_EQ(thrown<ValueError>([] { set_start_method("thread"); }),
            "cannot find context for 'thread'");
  EXPECT_EQ(thrown<ValueError>([] { set_start_method(""); }), "cannot find context for ''");
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
  set_start_method("fork");
  EXPECT_EQ(thrown<RuntimeError>([] { set_start_method("thread"); }), kAlreadySet);
  EXPECT_EQ(thrown<ValueError>([] { set_start_method("thread", true); }),
            "cannot find context for 'thread'");
  EXPECT_EQ(get_start_method(), "fork");
}

TEST_F(StartMethods, AConcreteContextKeepsItsOwn) {
  for (const std::string& method : get_all_start_methods()) {
    Context context = get_context(method);
    EXPECT_EQ(context.get_start_method(), method);
    EXPECT_EQ(context.get_start_method(kAllowNone), method);
    EXPECT_EQ(context.get_context(), context);
    EXPECT_TRUE(context.is_concrete());
    for (const char* other : {"spawn", "fork", "thread"}) {
      for (bool force : {false, true}) {
        EXPECT_EQ(thrown<ValueError>([&] { context.set_start_method(other, force); }),
                  "cannot set start method of concrete context");
      }
    }
  }
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
}

TEST_F(StartMethods, TheDefaultIsSetOnceUnlessForced) {
  Context context;
  EXPECT_FALSE(context.is_concrete());
  set_start_method("spawn");
  EXPECT_EQ(get_start_method(), "spawn");
  EXPECT_EQ(context.get_start_method(), "spawn");
  EXPECT_EQ(get_start_method(kAllowNone), "spawn");
  EXPECT_EQ(second_set(), kAlreadySet);
  EXPECT_EQ(get_start_method(), "spawn");
  set_start_method("fork", true);
  EXPECT_EQ(get_start_method(), "fork");
  set_start_method(std::nullopt, true);
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
  set_start_method("spawn");
  EXPECT_EQ(get_start_method(), "spawn");
}

TEST_F(StartMethods, WhoSetsNoneSetsTheDefault) {
  set_start_method(std::nullopt);
  EXPECT_EQ(get_start_method(kAllowNone), "forkserver");
  EXPECT_EQ(thrown<RuntimeError>([] { set_start_method(std::nullopt); }), kAlreadySet);
}

TEST_F(StartMethods, WhoAsksForTheDefaultFixesIt) {
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
  EXPECT_EQ(get_start_method(), "forkserver");
  EXPECT_EQ(get_start_method(kAllowNone), "forkserver");
  EXPECT_EQ(second_set(), kAlreadySet);
}

TEST_F(StartMethods, GetContextFixesTheDefaultAndIsItsContext) {
  Context context = get_context();
  EXPECT_EQ(second_set(), kAlreadySet);
  EXPECT_EQ(context, get_context("forkserver"));
  EXPECT_EQ(thrown<ValueError>([&] { context.set_start_method("fork"); }),
            "cannot set start method of concrete context");
  set_start_method("spawn", true);
  EXPECT_EQ(get_context(), get_context("spawn"));
  EXPECT_EQ(context.get_start_method(), "forkserver");
}

void nothing() {}

TEST_F(StartMethods, TheFirstStartFixesTheDefault) {
  Process p(nothing);
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
  p.start();
  EXPECT_EQ(get_start_method(kAllowNone), "forkserver");
  EXPECT_EQ(second_set(), kAlreadySet);
  p.join();
}

// test_spawn_dont_set_context
TEST_F(StartMethods, AStartInAContextOfItsOwnFixesNothing) {
  for (const char* method : {"spawn", "forkserver", "fork"}) {
    Process p({.context = get_context(method)}, nothing);
    p.start();
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
    EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
  }
  set_start_method("spawn");
}

TEST_F(StartMethods, OtherObjectsFixNothing) {
  Lock lock;
  Queue<int> queue;
  queue.put(1);
  Pipe();
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
}

}  // namespace
}  // namespace mp
