// mp/dummy/test_thread.h
//
// TestThread: a thread of a test, of which one can know that it sleeps, instead of waiting and hoping.

#ifndef MP_DUMMY_TEST_THREAD_H_
#define MP_DUMMY_TEST_THREAD_H_

#include <unistd.h>

#include <future>
#include <thread>
#include <utility>

#include "mp/testing/proc.h"

namespace mp::testing {

class TestThread {
 public:
  template <class Body>
  explicit TestThread(Body body) {
    std::promise<pid_t> tid;
    std::future<pid_t> known = tid.get_future();
    thread_ = std::thread([body = std::move(body), tid = std::move(tid)]() mutable {
      tid.set_value(gettid());
      body();
    });
    tid_ = known.get();
  }
  ~TestThread() { join(); }

  // Waits until it is blocked in a futex; false when it ended instead.
  bool await_asleep() const { return mp::testing::await_asleep(tid_); }
  void join() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

 private:
  std::thread thread_;
  pid_t tid_;
};

}  // namespace mp::testing

#endif  // MP_DUMMY_TEST_THREAD_H_
