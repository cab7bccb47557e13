#include "bench/launch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace bench {
namespace {

Outcome shell(const std::string& script, double seconds = 60) {
  return launch({"/bin/sh", "-c", script}, seconds);
}

TEST(Launch, GivesTheOutput) {
  const Outcome outcome = shell("echo one; echo two");
  EXPECT_EQ(outcome.output, "one\ntwo\n");
  EXPECT_EQ(outcome.failure, "");
}

TEST(Launch, NamesTheExitStatusAndTheLastComplaint) {
  EXPECT_EQ(shell("echo first >&2; echo last >&2; exit 3").failure, "exit status 3: last");
}

TEST(Launch, NamesTheSignal) {
  EXPECT_EQ(shell("kill -SEGV $$").failure.find("killed by signal 11"), 0u);
}

TEST(Launch, SaysThatAProgramIsMissing) {
  EXPECT_NE(launch({"/does/not/exist"}, 60).failure.find("/does/not/exist"), std::string::npos);
}

TEST(Launch, EndsAProgramAtItsTimeLimit) {
  const Outcome outcome = shell("echo begun; exec sleep 1000", 1);
  EXPECT_EQ(outcome.failure, "no end within 1 s");
  EXPECT_EQ(outcome.output, "begun\n");
}

TEST(Launch, LeavesNoProcessOfTheGroupBehind) {
  const Outcome outcome = shell("sleep 1000 & echo $!");
  EXPECT_EQ(outcome.failure, "");
  const pid_t orphan = static_cast<pid_t>(std::atoi(outcome.output.c_str()));
  ASSERT_GT(orphan, 1);
  // It was killed before launch() returned; until its new parent has waited for it, it is a zombie.
  const std::string state =
      shell("sed 's/.*) //' /proc/" + std::to_string(orphan) + "/stat || echo gone").output;
  EXPECT_TRUE(state[0] == 'Z' || state[0] == 'X' || state == "gone\n") << state;
}

}  // namespace
}  // namespace bench
