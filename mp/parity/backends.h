// mp/parity/backends.h
//
// The backends on which each test of the reference runs: threads, and processes by every start
// method. A test's functions are templates over the backend:
//
//   template <class B>
//   void child(Tokens<B> done) { done.put(1); }
//
//   template <class B>
//   class TestThing : public ParityTest {};
//   TYPED_TEST_SUITE(TestThing, Backends, BackendNames);
//   TYPED_TEST(TestThing, test_name) {
//     Tokens<TypeParam> done;
//     auto p = start<TypeParam>(child<TypeParam>, done);
//     done.get();
//     finish(p);
//   }
//
// What a child finds it tells its parent, who expects: a failed expectation in a process is not seen.

#ifndef MP_PARITY_BACKENDS_H_
#define MP_PARITY_BACKENDS_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "mp/backend.h"
#include "mp/errors.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {

struct OnThreads : Threads {
  static constexpr bool kProcesses = false;
  static constexpr const char* kName = "threads";
};
struct OnFork : Processes {
  using Process = ForkProcess;
  static constexpr bool kProcesses = true;
  static constexpr const char* kName = "fork";
};
struct OnSpawn : Processes {
  using Process = SpawnProcess;
  static constexpr bool kProcesses = true;
  static constexpr const char* kName = "spawn";
};
struct OnForkServer : Processes {
  using Process = ForkServerProcess;
  static constexpr bool kProcesses = true;
  static constexpr const char* kName = "forkserver";
};

using Backends = ::testing::Types<OnThreads, OnFork, OnSpawn, OnForkServer>;

struct BackendNames {
  template <class B>
  static std::string GetName(int) {
    return B::kName;
  }
};

// Fails when a test leaves a child, a thread, a descriptor, a name or shared memory behind.
class ParityTest : public Fixture {
 private:
  Watchdog dog_{std::chrono::minutes(1)};
};

// Serves as the semaphores and events of the reference's tests: put() is release() or set(), get()
// is acquire() or wait(), qsize() is the value.
template <class B>
using Tokens = typename B::template Queue<int>;

template <class B, class... A>
typename B::Process start(A&&... call) {
  typename B::Process p(std::forward<A>(call)...);
  p.start();
  return p;
}

template <class P>
void finish(const P& p) {
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 0);
}

// What call() throws, as "ValueError: text"; "nothing" if it returns.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
    return "nothing";
  } catch (const Error& e) {
    return std::string(e.name()) + ": " + e.what();
  }
}

inline bool begins_with(const std::string& text, const std::string& beginning) {
  return text.compare(0, beginning.size(), beginning) == 0;
}

// Seconds that call() takes.
template <class F>
double seconds(F call) {
  auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The reference's waits, shorter.
inline constexpr double kTimeout1 = 0.082;
inline constexpr double kTimeout2 = 0.035;
inline constexpr double kTimeout3 = 0.14;

}  // namespace mp::testing

#endif  // MP_PARITY_BACKENDS_H_
