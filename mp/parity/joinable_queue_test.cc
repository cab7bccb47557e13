// TestSimpleQueue of the reference, and what its _TestQueue asks of JoinableQueue.

#include "mp/joinable_queue.h"

#include <optional>
#include <vector>

#include "mp/parity/backends.h"
#include "mp/queue.h"
#include "mp/simple_queue.h"

namespace mp::testing {
namespace {

using OnProcesses = ::testing::Types<OnFork, OnSpawn, OnForkServer>;

template <class B>
class TestQueue : public ParityTest {};
TYPED_TEST_SUITE(TestQueue, OnProcesses, BackendNames);

void work(JoinableQueue<std::optional<int>> queue, Queue<int> finished) {
  while (std::optional<int> task = queue.get()) {
    finished.put(*task);
    queue.task_done();
  }
  queue.task_done();
}

TYPED_TEST(TestQueue, test_task_done) {
  JoinableQueue<std::optional<int>> queue;
  Queue<int> finished;
  std::vector<typename TypeParam::Process> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(start<TypeParam>(work, queue, finished));
  }
  for (int i = 0; i < 10; ++i) {
    queue.put(i);
  }
  EXPECT_TRUE(queue.join());
  EXPECT_EQ(finished.qsize(), 10u);
  for (size_t i = 0; i < workers.size(); ++i) {
    queue.put(std::nullopt);
  }
  for (const auto& p : workers) {
    finish(p);
  }
  EXPECT_TRUE(queue.join(0));
}

template <class B>
class TestSimpleQueue : public ParityTest {};
TYPED_TEST_SUITE(TestSimpleQueue, OnProcesses, BackendNames);

constexpr const char* kClosed = "OSError: handle is closed";

TYPED_TEST(TestSimpleQueue, test_empty_exceptions) {
  SimpleQueue<int> queue;
  queue.close();
  EXPECT_EQ(error_of([&] { queue.empty(); }), kClosed);
}

void put_whether_empty(SimpleQueue<bool> queue, Queue<int> child_can_start,
                       Queue<int> parent_can_continue) {
  child_can_start.get();
  queue.put(queue.empty());
  queue.put(queue.empty());
  parent_can_continue.put(1);
}

TYPED_TEST(TestSimpleQueue, test_empty) {
  SimpleQueue<bool> queue;
  Queue<int> child_can_start;
  Queue<int> parent_can_continue;
  auto p = start<TypeParam>(put_whether_empty, queue, child_can_start, parent_can_continue);
  EXPECT_TRUE(queue.empty());
  child_can_start.put(1);
  parent_can_continue.get();
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(queue.get(), true);
  EXPECT_EQ(queue.get(), false);
  EXPECT_TRUE(queue.empty());
  finish(p);
}

TYPED_TEST(TestSimpleQueue, test_close) {
  SimpleQueue<int> queue;
  queue.close();
  queue.close();
}

TYPED_TEST(TestSimpleQueue, test_closed) {
  SimpleQueue<int> queue;
  queue.close();
  EXPECT_EQ(error_of([&] { queue.put(1); }), kClosed);
  EXPECT_EQ(error_of([&] { queue.get(); }), kClosed);
}

}  // namespace
}  // namespace mp::testing
