// The kernel refuses a new process its address space, its descriptors or itself: an error with the kernel's reason, from
// whichever process it was refused to, and the same object starts once there is room.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "mp/errors.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/testing/proc.h"
#include "mp/testing/storm.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using internal::Family;
using testing::run_apart;
using testing::Watchdog;

constexpr const char* kMethods[] = {"fork", "spawn", "forkserver"};

void nothing(std::string) {}

int g_wrong = 0;
void expect(bool right, const char* what, const std::string& about) {
  if (!right) {
    ++g_wrong;
    std::printf("not so: %s: %s\n", what, about.c_str());
  }
}

Process make(const char* method) {
  return Process({.context = get_context(method)}, nothing, std::string("text"));
}

void start_and_join(const Process& p, const char* method) {
  absl::Status status = p.try_start();
  expect(status.ok(), method, status.ToString());
  if (status.ok()) {
    p.join();
    expect(p.exitcode() == 0, method, "exit code " + std::to_string(p.exitcode().value_or(1000)));
  }
}

class Limit {
 public:
  Limit(int which, uint64_t at, pid_t of = 0) : which_(which), of_(of) {
    prlimit(of, static_cast<__rlimit_resource>(which), nullptr, &before_);
    rlimit tight{at, before_.rlim_max};
    prlimit(of, static_cast<__rlimit_resource>(which), &tight, nullptr);
  }
  ~Limit() { prlimit(of_, static_cast<__rlimit_resource>(which_), &before_, nullptr); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  int which_;
  pid_t of_;
  rlimit before_{};
};

uint64_t address_space() {
  uint64_t pages = 0;
  if (FILE* f = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(f, "%lu", &pages) != 1) {
      pages = 0;
    }
    std::fclose(f);
  }
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

int live_slots() {
  int n = 0;
  internal::ArenaHeader& h = Family::get().header();
  for (uint32_t i = 1; i <= h.slots_used; ++i) {
    n += (Family::get().arena().slot(i).state.load() & 3) != 0 ? 1 : 0;
  }
  return n;
}

// What is there when nothing is: the slots of the family, children.
std::string left() {
  internal::stop_fork_server();
  Family::get().sweep_all();
  return std::to_string(live_slots()) + " slots, " +
         std::to_string(testing::children_of(getpid()).size()) + " children";
}

// Root has no limit of processes. Who changed its user must say again that its /proc is its own, and that it ends with its
// parent.
bool become_nobody() {
  return setgid(65534) == 0 && setuid(65534) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0 &&
         prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

// `refuse` limits what a start needs; `number` is the errno of the kernel.
template <class Refuse>
void refused_and_again(const char* method, int number, const Refuse& refuse) {
  start_and_join(make(method), method);
  std::string before = left();
  Process p = make(method);
  absl::Status status;
  {
    auto limit = refuse();
    status = p.try_start();
  }
  std::printf("%s: %s\n", method, status.ToString().c_str());
  expect(!status.ok(), "a refused start is an error", method);
  expect(internal::errno_of(status) == number, "its errno is the kernel's", status.ToString());
  expect(left() == before, before.c_str(), left());
  if (!status.ok()) {
    start_and_join(p, method);
  }
  p.close();
  expect(left() == before, before.c_str(), left());
}

// Room for what the parent may still need, and not for another arena.
Limit little_address_space() { return Limit(RLIMIT_AS, address_space() + (1 << 20)); }

TEST(Refusal, ANewProgramWithoutRoomForTheArenaIsAnErrorOfStart) {
  Watchdog dog(120s);
  for (const char* method : {"spawn", "forkserver"}) {
    EXPECT_EQ(run_apart([&] {
                refused_and_again(method, ENOMEM, little_address_space);
                return g_wrong;
              }),
              0);
  }
}

TEST(Refusal, AForkNeedsNoRoomForTheArena) {
  Watchdog dog(120s);
  EXPECT_EQ(run_apart([] {
              start_and_join(make("fork"), "fork");
              Limit limit = little_address_space();
              start_and_join(make("fork"), "fork");
              return g_wrong;
            }),
            0);
}

// A running server gets no more of what `limit` is a limit of; `number` is the errno of the kernel.
int server_refused_and_again(int limit, int number) {
  start_and_join(make("forkserver"), "forkserver");
  absl::Status status;
  {
    Limit none(limit, 0, internal::fork_server_pid());
    // Some wait already.
    for (int i = 0; i < 10 && status.ok(); ++i) {
      Process p = make("forkserver");
      status = p.try_start();
      if (status.ok()) {
        p.join();
      }
    }
  }
  std::printf("%s\n", status.ToString().c_str());
  expect(internal::errno_of(status) == number, "its errno is the kernel's", status.ToString());
  start_and_join(make("forkserver"), "forkserver");
  left();
  return g_wrong;
}

// Its server has what it needs, its children have not.
TEST(Refusal, AForkServerWithoutDescriptorsSaysSo) {
  Watchdog dog(120s);
  EXPECT_EQ(run_apart([] { return server_refused_and_again(RLIMIT_NOFILE, EMFILE); }), 0);
}

TEST(Refusal, NoMoreProcessesForTheUserIsAnErrorOfStart) {
  Watchdog dog(120s);
  if (run_apart([] { return become_nobody() ? 0 : 1; }) != 0) {
    GTEST_SKIP() << "this user may not become another one, who has no processes";
  }
  for (const char* method : kMethods) {
    EXPECT_EQ(run_apart([&] {
                if (!become_nobody()) {
                  return 1;
                }
                refused_and_again(method, EAGAIN, [] { return Limit(RLIMIT_NPROC, 0); });
                return g_wrong;
              }),
              0)
        << method;
  }
}

// A server that may not fork, where it could once.
TEST(Refusal, AForkServerThatMayNotForkSaysSo) {
  Watchdog dog(120s);
  if (run_apart([] { return become_nobody() ? 0 : 1; }) != 0) {
    GTEST_SKIP() << "this user may not become another one, who has no processes";
  }
  EXPECT_EQ(run_apart([] {
              return become_nobody() ? server_refused_and_again(RLIMIT_NPROC, EAGAIN) : 1;
            }),
            0);
}

}  // namespace
}  // namespace mp
