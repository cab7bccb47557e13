// Who ends the names of shared memory when processes, and whole families, end or are killed.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <tuple>

#include "mp/context.h"
#include "mp/errors.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/shared_memory.h"
#include "mp/testing/family_inventory.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""min;
using testing::Watchdog;

std::string unique_name(const std::string& what) {
  return "mptest_crash_" + what + std::to_string(getpid());
}

std::set<std::string> names() {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    all.insert(entry.path().filename());
  }
  return all;
}

bool can_attach(const std::string& name) {
  try {
    SharedMemory::attach(name);
    return true;
  } catch (const FileNotFoundError&) {
    return false;
  }
}

// -- Other programs: this one again, with what it is to do on its command line --

void attach_and_pause(std::string name, Queue<int> attached) {
  auto m = SharedMemory::attach(name);
  attached.put(1);
  for (;;) {
    pause();
  }
}
void create_in_child(std::string name) { SharedMemory::create(name, 100); }

int other_program(const std::string& what, const std::string& name) {
  if (what == "make and wait") {
    // A family of two, the child in the same process group.
    auto m = SharedMemory::create(name, 100);
    Queue<int> attached;
    Process p(attach_and_pause, name, attached);
    p.start();
    attached.get();
    std::puts("made");
    std::fflush(stdout);
    for (;;) {
      pause();
    }
  }
  if (what == "make and end") {
    static auto m = SharedMemory::create(name, 100);
    Process p(create_in_child, name + "_child");
    p.start();
    p.join();
    return can_attach(name + "_child") ? 0 : 1;
  }
  if (what == "attach and end") {
    auto m = SharedMemory::attach(name);
    m.close();
    return 0;
  }
  if (what == "attach and be killed") {
    auto m = SharedMemory::attach(name);
    m.buf()[0] = std::byte{9};
    kill(getpid(), SIGKILL);
  }
  if (what == "touch") {
    SharedMemory::create(10).unlink();
    return 0;
  }
  return 2;
}

// A process group of its own; its standard output can be read.
class Program {
 public:
  Program(const char* what, const std::string& name) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    std::string option = std::string("--what=") + what;
    pid_ = fork();
    if (pid_ == 0) {
      setpgid(0, 0);
      dup2(ends[1], STDOUT_FILENO);
      execl("/proc/self/exe", "test", option.c_str(), name.c_str(), nullptr);
      _exit(127);
    }
    setpgid(pid_, pid_);
    close(ends[1]);
    output_ = ends[0];
  }
  ~Program() {
    close(output_);
    kill_all();
  }
  // Waits for the first output.
  void await() {
    char c;
    EXPECT_EQ(read(output_, &c, 1), 1);
  }
  void kill_all() {
    if (pid_ > 0) {
      kill(-pid_, SIGKILL);
      wait();
    }
  }
  int wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    // Also the others of its group: they hold the pipe.
    pid_ = 0;
    return status;
  }
  // Until nobody of it is left.
  void await_gone() {
    char c;
    while (read(output_, &c, 1) > 0) {
    }
  }

 private:
  pid_t pid_;
  int output_;
};

int run(const char* what, const std::string& name) { return Program(what, name).wait(); }

class SharedMemoryOfAFamily : public testing::Fixture {};
class TestSharedMemory : public testing::Fixture {};
class AttachedSharedMemory : public testing::Fixture {};

TEST_F(SharedMemoryOfAFamily, StaysAfterAllWereKilledUntilTheNextProgramUsesSharedMemory) {
  Watchdog dog(2min);
  std::set<std::string> before = names();
  std::string name = unique_name("killed");
  Program family("make and wait", name);
  family.await();
  EXPECT_EQ(names().size(), before.size() + 2);
  EXPECT_EQ(run("touch", name), 0);
  EXPECT_EQ(names().size(), before.size() + 2) << "its family lives";
  family.kill_all();
  family.await_gone();
  EXPECT_EQ(names().size(), before.size() + 2);
  EXPECT_EQ(run("touch", name), 0);
  EXPECT_EQ(names(), before);
}

TEST_F(SharedMemoryOfAFamily, EndsWithTheLastProcessThatEndsInOrder) {
  Watchdog dog(2min);
  std::set<std::string> before = names();
  EXPECT_EQ(run("make and end", unique_name("order")), 0);
  EXPECT_EQ(names(), before);
}

// Of the reference; there a program of its own attaches without being tracked.
TEST_F(TestSharedMemory, test_shared_memory_untracking) {
  Watchdog dog(2min);
  auto m = SharedMemory::create(unique_name("untracked"), 10);
  EXPECT_EQ(run("attach and end", m.name()), 0);
  EXPECT_TRUE(can_attach(m.name()));
  m.unlink();
}

// Different: attaching never owns, so neither its end nor its death removes anything.
TEST_F(TestSharedMemory, test_shared_memory_tracking) {
  Watchdog dog(2min);
  auto m = SharedMemory::create(unique_name("tracked"), 10);
  EXPECT_EQ(run("attach and be killed", m.name()), SIGKILL);
  EXPECT_EQ(run("touch", ""), 0);
  EXPECT_TRUE(can_attach(m.name()));
  EXPECT_EQ(m.buf()[0], std::byte{9});
  m.unlink();
}

// -- In one family --

struct Role {
  std::string name;  // "": none
  bool killed = false;
  Queue<std::string> names;
  Queue<int> go;

  void operator()() const {
    auto m = name.empty() ? SharedMemory::create(100) : SharedMemory::create(name, 100);
    m.buf()[0] = std::byte{1};
    names.put(m.name());
    go.get();
    if (killed) {
      kill(getpid(), SIGKILL);
    }
  }
};

class SharedMemoryOfAProcess : public testing::Fixture,
                               public ::testing::WithParamInterface<std::tuple<const char*, bool>> {
 protected:
  Process start(bool killed) {
    role_.name = std::get<1>(GetParam()) ? unique_name(std::get<0>(GetParam())) : "";
    role_.killed = killed;
    Process p({.context = get_context(std::get<0>(GetParam()))}, role_);
    p.start();
    return p;
  }

  Watchdog dog_{2min};
  std::set<std::string> before_ = names();
  Role role_;
};

TEST_P(SharedMemoryOfAProcess, EndsWithItWhenItIsKilledAndNobodyUsesIt) {
  Process p = start(true);
  std::string name = role_.names.get();
  role_.go.put(1);
  p.join();
  EXPECT_FALSE(can_attach(name));
  EXPECT_EQ(names(), before_);
}

TEST_P(SharedMemoryOfAProcess, StaysWhenItIsKilledAndSomebodyUsesIt) {
  Process p = start(true);
  std::string name = role_.names.get();
  {
    auto m = SharedMemory::attach(name);
    role_.go.put(1);
    p.join();
    EXPECT_TRUE(can_attach(name));
    EXPECT_EQ(m.buf()[0], std::byte{1});
  }
  auto again = SharedMemory::attach(name);
  again.unlink();
  EXPECT_EQ(names(), before_);
}

TEST_P(SharedMemoryOfAProcess, StaysWhenItEndsInOrder) {
  Process p = start(false);
  std::string name = role_.names.get();
  role_.go.put(1);
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  internal::Family::get().sweep_all();
  auto m = SharedMemory::attach(name);
  EXPECT_EQ(m.buf()[0], std::byte{1});
  m.unlink();
  EXPECT_EQ(names(), before_);
}

INSTANTIATE_TEST_SUITE_P(, SharedMemoryOfAProcess,
                         ::testing::Combine(::testing::Values("fork", "spawn", "forkserver"),
                                            ::testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "_named" : "_unnamed");
                         });

void attach_and_die(SharedMemory by_handle, std::string name) {
  auto by_name = SharedMemory::attach(name);
  by_name.buf()[1] = std::byte{2};
  by_handle.buf()[0] = std::byte{1};
  kill(getpid(), SIGKILL);
}

TEST_F(AttachedSharedMemory, OutlivesWhoAttachedToIt) {
  Watchdog dog(2min);
  for (bool named : {false, true}) {
    auto m = named ? SharedMemory::create(unique_name("attached"), 10) : SharedMemory::create(10);
    Process p(attach_and_die, m, m.name());
    p.start();
    p.join();
    EXPECT_EQ(p.exitcode(), -SIGKILL);
    EXPECT_TRUE(can_attach(m.name()));
    EXPECT_EQ(m.buf()[0], std::byte{1});
    EXPECT_EQ(m.buf()[1], std::byte{2});
    m.unlink();
  }
}

}  // namespace
}  // namespace mp

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  if (argc > 2 && std::string(argv[1]).rfind("--what=", 0) == 0) {
    return mp::other_program(std::string(argv[1]).substr(7), argv[2]);
  }
  mp::testing::watch_family();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
