// Guards beside forks and other threads; //mp/parity:interrupt_test has what waits, and what the reference asks.

#include "mp/interruptible.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/internal/shm/family.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/semaphore.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

class Interruptible : public testing::Fixture {
 private:
  testing::Watchdog dog_{std::chrono::minutes(1)};
};

// What a child of any fork is: it has no guard but those of the thread that forked.
int broken_guards() {
  { interruptible mine; }
  return signal(SIGINT, SIG_DFL) == SIG_DFL ? 0 : 1;
}
int status_of_fork(const std::function<int()>& body) {
  int pid = fork();
  if (pid == 0) {
    _exit(body());
  }
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

TEST_F(Interruptible, AForkWhileGuardsOfAnotherThreadBeginAndEndMakesASoundChild) {
  auto before = signal(SIGINT, SIG_DFL);
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      interruptible here;
    }
  });
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(status_of_fork(broken_guards), 0) << i;
    if (i % 4 == 0) {
      ForkProcess p([] { exit(broken_guards()); });
      p.start();
      p.join();
      EXPECT_EQ(p.exitcode(), 0);
    }
  }
  done = true;
  other.join();
  signal(SIGINT, before);
}

TEST_F(Interruptible, AForkThatIsNotOfMpKeepsThoseOfItsThread) {
  interruptible here;
  EXPECT_EQ(status_of_fork([] {
              ::raise(SIGINT);
              try {
                interruptible::check();
              } catch (const KeyboardInterrupt&) {
                return 0;
              }
              return 1;
            }),
            0);
}

// Sleeps of this family are cut by nothing but what they wait for.
class LongSlices {
 public:
  LongSlices() { slice().store(3'600'000'000'000); }
  ~LongSlices() { slice().store(before_); }

 private:
  static std::atomic<int64_t>& slice() { return internal::Family::get().header().slice_ns; }
  const int64_t before_ = slice().load();
};

TEST_F(Interruptible, ASignalThatAnotherThreadGetsIsHeard) {
  LongSlices slices;
  interruptible here;
  auto [a, b] = Pipe();
  Semaphore none(0);
  for (const std::function<void()>& wait :
       std::vector<std::function<void()>>{[a = a] { a.recv<int>(); }, [&] { none.acquire(); },
                                          [] { Event().wait(); }, [] { Queue<int>().get(600); }}) {
    sigset_t sigint;
    sigset_t before;
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    std::thread other([main = gettid()] {
      testing::await_asleep(main);
      ::raise(SIGINT);
    });
    pthread_sigmask(SIG_BLOCK, &sigint, &before);
    EXPECT_THROW(wait(), KeyboardInterrupt);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    other.join();
  }
}

}  // namespace
}  // namespace mp
