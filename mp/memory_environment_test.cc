// A family whose budget comes from the environment: run with MP_MEMORY_LIMIT=64M.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "mp/errors.h"
#include "mp/memory.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

constexpr uint64_t kBudget = uint64_t{64} << 20;

void expect_refused(const Queue<std::string>& queue) {
  try {
    queue.put(std::string(kBudget, 'x'));
    ADD_FAILURE() << "no MemoryError";
  } catch (const MemoryError& e) {
    std::string text = e.what();
    for (const std::string& part :
         {std::string("budget of 67108864"), std::to_string(memory_used()) + " bytes of",
          std::string("mp::set_memory_limit()"), std::string("MP_MEMORY_LIMIT")}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
    }
  }
}

// First, while this process has no family.
TEST(MemoryEnvironment, WhatIsNoSizeIsAnErrorThatSaysSo) {
  Watchdog dog(60s);
  for (const char* value : {"banana", "64MB", "0", "0G", "-", "-5", "+5", " 5", "5 ", "M", "1e9x",
                            "18446744073709551616", "17179869184G"}) {
    pid_t child = fork();
    if (child == 0) {
      setenv("MP_MEMORY_LIMIT", value, 1);
      std::string text;
      try {
        memory_limit();
      } catch (const ValueError& e) {
        text = e.what();
      }
      _exit(
          text.find("mp: MP_MEMORY_LIMIT='" + std::string(value) +
                    "' is not a size: it takes a number of bytes, at least 1, or a number with K, "
                    "M or G behind it") == 0
              ? 0
              : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << value;
  }
}

TEST(MemoryEnvironment, SetsTheBudgetOfTheFamily) {
  EXPECT_EQ(memory_limit(), kBudget);
  Queue<std::string> queue;
  expect_refused(queue);
  queue.put(std::string(kBudget / 4, 'y'));
  EXPECT_EQ(queue.get().size(), kBudget / 4);
  EXPECT_LE(memory_used(), kBudget);
}

void report(Queue<std::string> queue, Queue<uint64_t> limits) {
  limits.put(memory_limit());
  bool refused = false;
  try {
    queue.put(std::string(kBudget, 'x'));
  } catch (const MemoryError&) {
    refused = true;
  }
  limits.put(refused ? 1 : 0);
}

TEST(MemoryEnvironment, HoldsInEveryMember) {
  Watchdog dog(120s);
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    Queue<std::string> queue;
    Queue<uint64_t> limits;
    Process p({.context = get_context(method)}, report, queue, limits);
    p.start();
    EXPECT_EQ(limits.get(), kBudget) << method;
    EXPECT_EQ(limits.get(), 1u) << method;
    p.join();
    EXPECT_EQ(p.exitcode(), 0) << method;
  }
}

}  // namespace
}  // namespace mp
