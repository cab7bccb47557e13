#include "mp/context.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mp/errors.h"

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

TEST(Context, ForkserverIsTheDefault) {
  EXPECT_EQ(get_start_method(), "forkserver");
  EXPECT_EQ(get_all_start_methods(), (std::vector<std::string>{"forkserver", "fork", "spawn"}));
}

TEST(Context, UnknownMethodsAreRefused) {
  EXPECT_EQ(thrown<ValueError>([] { get_context("thread"); }), "cannot find context for 'thread'");
  EXPECT_EQ(thrown<ValueError>([] { set_start_method("thread"); }),
            "cannot find context for 'thread'");
  EXPECT_EQ(thrown<ValueError>([] { set_start_method(""); }), "cannot find context for ''");
}

TEST(Context, AConcreteContextKeepsItsMethod) {
  for (const std::string& method : get_all_start_methods()) {
    Context context = get_context(method);
    EXPECT_EQ(context.get_start_method(), method);
    EXPECT_EQ(context.get_start_method(kAllowNone), method);
    EXPECT_EQ(context.get_context(), context);
    EXPECT_TRUE(context.is_concrete());
    EXPECT_EQ(thrown<ValueError>([&] { context.set_start_method("spawn"); }),
              "cannot set start method of concrete context");
    EXPECT_EQ(thrown<ValueError>([&] { context.set_start_method("spawn", true); }),
              "cannot set start method of concrete context");
  }
}

TEST(Context, TheDefaultIsSetOnceUnlessForced) {
  EXPECT_EQ(get_start_method(kAllowNone), std::nullopt);
  Context context = get_context();
  EXPECT_FALSE(context.is_concrete());
  set_start_method("spawn");
  EXPECT_EQ(get_start_method(), "spawn");
  EXPECT_EQ(context.get_start_method(), "spawn");
  EXPECT_EQ(get_start_method(kAllowNone), "spawn");
  EXPECT_EQ(thrown<RuntimeError>([] { set_start_method("fork"); }), "context has already been set");
  EXPECT_EQ(get_start_method(), "spawn");
  set_start_method("fork", true);
  EXPECT_EQ(get_start_method(), "fork");
}

}  // namespace
}  // namespace mp
