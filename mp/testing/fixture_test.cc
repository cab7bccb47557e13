#include "mp/testing/fixture.h"

#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using namespace std::chrono_literals;

// The leaks of `body`, joined.
template <class Body>
std::string leaks_of(Body body) {
  Inventory before = Inventory::take();
  body();
  std::string all;
  for (const std::string& leak : leaks_since(before, 50ms)) {
    all += leak + "\n";
  }
  return all;
}

TEST(Inventory, IsEqualToItselfWhenNothingHappened) {
  EXPECT_EQ(leaks_of([] {}), "");
}

TEST(Inventory, NamesAChildThatRuns) {
  pid_t child = 0;
  std::string leaks = leaks_of([&] {
    child = fork();
    if (child == 0) {
      for (;;) {
        pause();
      }
    }
  });
  EXPECT_EQ(leaks.rfind("child: " + std::to_string(child), 0), 0u) << leaks;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(Inventory, NamesAZombie) {
  pid_t child = 0;
  std::string leaks = leaks_of([&] {
    child = fork();
    if (child == 0) {
      _exit(0);
    }
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  });
  EXPECT_EQ(leaks.rfind("child, dead and not waited for: " + std::to_string(child), 0), 0u)
      << leaks;
  waitpid(child, nullptr, 0);
}

TEST(Inventory, NamesAFileDescriptorAndItsTarget) {
  int fd = -1;
  std::string leaks = leaks_of([&] { fd = open("/dev/null", O_RDONLY | O_CLOEXEC); });
  EXPECT_EQ(leaks, "file descriptor: " + std::to_string(fd) + " -> /dev/null\n");
  close(fd);
}

TEST(Inventory, SeesThatANumberBecameAnotherFile) {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::string leaks = leaks_of([&] {
    int other = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    dup3(other, fd, O_CLOEXEC);
    close(other);
  });
  EXPECT_EQ(leaks, "file descriptor: " + std::to_string(fd) + " -> /dev/zero\n");
  close(fd);
}

TEST(Inventory, NamesAThread) {
  std::atomic<bool> end{false};
  std::thread thread;
  std::string leaks = leaks_of([&] {
    thread = std::thread([&] {
      while (!end) {
        std::this_thread::yield();
      }
    });
  });
  EXPECT_EQ(leaks.rfind("thread: ", 0), 0u) << leaks;
  end = true;
  thread.join();
}

TEST(Inventory, WaitsForAJoinedThreadToGo) {
  EXPECT_EQ(leaks_of([] { std::thread([] {}).join(); }), "");
}

TEST(Inventory, NamesASharedMemoryName) {
  std::string name = "mp_fixture_test_" + std::to_string(getpid());
  std::string leaks = leaks_of([&] {
    int fd = shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    ASSERT_GE(fd, 0);
    close(fd);
  });
  EXPECT_NE(leaks.find("name: /dev/shm/" + name), std::string::npos) << leaks;
  shm_unlink(name.c_str());
}

TEST(Inventory, ReportsACountThatGrew) {
  static int64_t blocks = 3;
  inventory_sources().counts["arena blocks"] = [] { return blocks; };
  EXPECT_EQ(leaks_of([] { blocks = 5; }), "arena blocks: 2 more than the 3 before\n");
  EXPECT_EQ(leaks_of([] { blocks = 4; }), "");
  inventory_sources().counts.clear();
}

TEST(Inventory, SettlesBeforeItLooks) {
  static int fd = -1;
  inventory_sources().settle.push_back([] { close(fd); });
  EXPECT_EQ(leaks_of([] { fd = open("/dev/null", O_RDONLY | O_CLOEXEC); }), "");
  inventory_sources().settle.clear();
}

class Leaky : public Fixture {
 public:
  void TestBody() override { fd_ = open("/dev/null", O_RDONLY | O_CLOEXEC); }
  void run() {
    SetUp();
    TestBody();
    TearDown();
    close(fd_);
  }

 private:
  int fd_ = -1;
};

TEST(FixtureTest, FailsATestThatLeaks) {
  Watchdog dog(60s);
  EXPECT_NONFATAL_FAILURE(Leaky().run(), "the test left behind a file descriptor: ");
}

class FixtureItself : public Fixture {};

TEST_F(FixtureItself, PassesATestThatCleansUp) {
  Watchdog dog(60s);
  pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  std::thread([] {}).join();
  close(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace
}  // namespace mp::testing
