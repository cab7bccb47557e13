// _TestLogging of the reference, and what its documentation says of logging.

#include "mp/logging.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "mp/lock.h"
#include "mp/parity/backends.h"
#include "mp/queue.h"

namespace mp::testing {
namespace {

// What this process and the children it starts meanwhile write to stderr.
class Stderr {
 public:
  Stderr() { ::testing::internal::CaptureStderr(); }
  std::string text() { return ::testing::internal::GetCapturedStderr(); }
};

// Leaves the logger as it was: it is the process's.
template <class B>
class TestLogging : public ParityTest {
 protected:
  void TearDown() override {
    get_logger().remove_handlers();
    get_logger().set_level(logging::kNotSet);
    ParityTest::TearDown();
  }
};
TYPED_TEST_SUITE(TestLogging, Backends, BackendNames);

TYPED_TEST(TestLogging, test_enable_logging) {
  Stderr err;
  Logger logger = log_to_stderr();
  logger.set_level(SUBWARNING);
  logger.debug("this will not be printed");
  logger.info("nor will this");
  logger.sub_warning("this will");
  logger.set_level("CRITICAL");
  logger.error("nor will that");
  logger.critical("that will");
  EXPECT_EQ(err.text(), "[SUBWARNING/MainProcess] this will\n[CRITICAL/MainProcess] that will\n");
}

template <class B>
void tell_level(Tokens<B> q) {
  q.put(get_logger().effective_level());
}

TYPED_TEST(TestLogging, test_level) {
  Tokens<TypeParam> q;
  EXPECT_EQ(get_logger().level(), logging::kNotSet);
  for (int level : {logging::kNotSet, 32, 37}) {
    get_logger().set_level(level);
    finish(start<TypeParam>(tell_level<TypeParam>, q));
    EXPECT_EQ(q.get(), level == logging::kNotSet ? logging::kWarning : level);
  }
}

TYPED_TEST(TestLogging, test_filename) {
  std::vector<std::string> files;
  std::vector<int> lines;
  get_logger().add_handler([&](const LogRecord& r) {
    files.emplace_back(r.file);
    lines.push_back(r.line);
  });
  get_logger().warning("1");
  get_logger().log(logging::kError, "2");
  int line = __LINE__;
  EXPECT_EQ(files, (std::vector<std::string>{__FILE__, __FILE__}));
  EXPECT_EQ(lines, (std::vector<int>{line - 2, line - 1}));
}

// Not tests of the reference's suite, but its semantics, or what is better here.

void warn() { get_logger().warning("from a child"); }

TYPED_TEST(TestLogging, AChildWritesWhereItsParentDoes) {
  if constexpr (TypeParam::kProcesses) {
    Stderr err;
    log_to_stderr();
    // A fork server from before would write to another stderr.
    typename TypeParam::Process p({.name = "Doomed"}, warn);
    p.start();
    finish(p);
    EXPECT_EQ(err.text(), "[WARNING/Doomed] from a child\n");
  }
}

TYPED_TEST(TestLogging, AChildSaysWhatItDoes) {
  if constexpr (TypeParam::kProcesses) {
    Stderr err;
    log_to_stderr(logging::kInfo);
    typename TypeParam::Process p({.name = "Worker"}, warn);
    p.start();
    finish(p);
    EXPECT_EQ(err.text(),
              "[INFO/Worker] child process calling self.run()\n"
              "[WARNING/Worker] from a child\n"
              "[INFO/Worker] process shutting down\n"
              "[INFO/Worker] process exiting with exitcode 0\n");
  }
}

TEST(LoggingOfTheFirstProcess, ItsEndIsLogged) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        log_to_stderr("DEBUG");
        std::exit(0);
      },
      ::testing::ExitedWithCode(0),
      "^\\[INFO/MainProcess\\] process shutting down\n"
      "\\[DEBUG/MainProcess\\] running all \"atexit\" finalizers with priority >= 0\n"
      "\\[DEBUG/MainProcess\\] running the remaining \"atexit\" finalizers\n$");
}

TYPED_TEST(TestLogging, WithoutHandlersWarningsAreBareText) {
  Stderr err;
  get_logger().info("no");
  get_logger().sub_warning("no");
  get_logger().warning("yes");
  EXPECT_EQ(err.text(), "yes\n");
}

TYPED_TEST(TestLogging, HandlersGetEachRecordAndMayThrow) {
  Stderr err;
  std::vector<std::string> got;
  get_logger().add_handler([](const LogRecord&) { throw std::runtime_error("not today"); });
  get_logger().add_handler([&](const LogRecord& r) {
    got.push_back(std::to_string(r.pid == getpid()) + " " + format(r));
  });
  get_logger().log(35, "all of it");
  get_logger().remove_handlers();
  get_logger().log(20, "none of it");
  EXPECT_EQ(got, std::vector<std::string>{"1 [Level 35/MainProcess] all of it"});
  EXPECT_EQ(
      err.text(),
      "--- Logging error ---\nstd::runtime_error: not today\n[Level 35/MainProcess] all of it\n");
}

TYPED_TEST(TestLogging, AnUnknownLevelIsAnError) {
  EXPECT_EQ(error_of([] { get_logger().set_level("LOUD"); }), "ValueError: Unknown level: 'LOUD'");
  EXPECT_EQ(error_of([] { log_to_stderr("LOUD"); }), "ValueError: Unknown level: 'LOUD'");
  Stderr err;
  log_to_stderr("INFO").debug("no");
  get_logger().info("yes");
  EXPECT_EQ(err.text(), "[INFO/MainProcess] yes\n");
}

void die_holding(Lock lock, Queue<int> held) {
  lock.acquire();
  held.put(1);
  ::raise(SIGKILL);
}

TYPED_TEST(TestLogging, TakingADeadOwnersLockIsLogged) {
  if constexpr (TypeParam::kProcesses) {
    Lock lock;
    Queue<int> held;
    auto p = start<TypeParam>(die_holding, lock, held);
    held.get();
    p.join();
    EXPECT_EQ(p.exitcode(), -SIGKILL);
    Stderr err;
    log_to_stderr(SUBWARNING);
    EXPECT_TRUE(lock.acquire(0));
    lock.release();
    EXPECT_TRUE(lock.acquire(0));
    lock.release();
    EXPECT_EQ(err.text(),
              "[SUBWARNING/MainProcess] mp: Lock: a process died holding it; it is taken over\n");
  }
}

}  // namespace
}  // namespace mp::testing
