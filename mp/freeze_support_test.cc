// A program whose main() does not call mp::freeze_support(): what it may start, and what it is
// told.

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "mp/errors.h"
#include "mp/process.h"
#include "mp/testing/proc.h"

namespace mp {
namespace {

void nothing() {}

TEST(FreezeSupport, LeftOutIsAnErrorInTheParentThatSaysWhatToDo) {
  for (const char* method : {"spawn", "forkserver"}) {
    Process p({.name = "p", .context = get_context(method)}, nothing);
    try {
      p.start();
      FAIL() << method;
    } catch (const RuntimeError& e) {
      std::string text = e.what();
      EXPECT_NE(text.find("'p'"), std::string::npos) << text;
      EXPECT_NE(text.find(method), std::string::npos) << text;
      EXPECT_NE(text.find("mp::freeze_support(argc, argv);"), std::string::npos) << text;
    }
    EXPECT_FALSE(p.is_alive());
    EXPECT_TRUE(testing::children_of(getpid()).empty());
  }
  EXPECT_TRUE(active_children().empty());
}

TEST(FreezeSupport, ForkWorksWithoutIt) {
  Process p({.context = get_context("fork")}, [] { exit(4); });
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 4);
}

}  // namespace
}  // namespace mp
