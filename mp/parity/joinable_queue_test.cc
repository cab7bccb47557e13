// TestSimpleQueue of the reference, and what its _TestQueue asks of JoinableQueue.

#include "mp/joinable_queue.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestQueue : public ParityTest {};
TYPED_TEST_SUITE(TestQueue, Backends, BackendNames);

template <class B, class T>
using Tasks = typename B::template JoinableQueue<T>;

template <class B>
void work(Tasks<B, std::optional<int>> queue, Tokens<B> finished) {
  while (std::optional<int> task = queue.get()) {
    finished.put(*task);
    queue.task_done();
  }
  queue.task_done();
}

TYPED_TEST(TestQueue, test_task_done) {
  Tasks<TypeParam, std::optional<int>> queue;
  Tokens<TypeParam> finished;
  std::vector<typename TypeParam::Process> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(start<TypeParam>(work<TypeParam>, queue, finished));
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

// What the reference says of queue.Queue: any task_done() is for any task.
TYPED_TEST(TestQueue, TaskDoneIsForAnybody) {
  Tasks<TypeParam, int> q;
  EXPECT_TRUE(q.join(0));
  EXPECT_EQ(error_of([&] { q.task_done(); }), "ValueError: task_done() called too many times");
  q.put_many(std::vector<int>{1, 2, 3});
  q.task_done();
  EXPECT_EQ(q.qsize(), 3u);
  EXPECT_EQ(q.get(), 1);
  q.task_done();
  EXPECT_FALSE(q.join(0));
  q.task_done();
  EXPECT_TRUE(q.join());
  EXPECT_EQ(error_of([&] { q.task_done(); }), "ValueError: task_done() called too many times");
  // They are still there, and no tasks any more.
  EXPECT_EQ(q.get(), 2);
  EXPECT_EQ(q.get_nowait(), 3);
  EXPECT_EQ(error_of([&] { q.task_done(); }), "ValueError: task_done() called too many times");
  EXPECT_EQ(begins_with(error_of([&] { q.get_nowait(); }), "Empty:"), true);
}

TYPED_TEST(TestQueue, ALeaseComesBackOrIsATaskThatIsDone) {
  Tasks<TypeParam, std::string> q;
  q.put("a");
  q.put("b");
  {
    auto lease = q.get_lease();
    EXPECT_EQ(*lease, "a");
    EXPECT_EQ(lease.attempt(), 1u);
    EXPECT_EQ(q.qsize(), 1u);
  }
  EXPECT_EQ(q.qsize(), 2u);
  auto first = q.get_lease();
  auto second = q.get_lease(kForever);
  EXPECT_EQ(*first, "a");
  EXPECT_EQ(first.attempt(), 2u);
  EXPECT_EQ(second->size(), 1u);
  EXPECT_FALSE(q.try_get_lease().ok());
  EXPECT_FALSE(q.join(0));
  second.nack();
  EXPECT_FALSE(second);
  EXPECT_EQ(error_of([&] { second.ack(); }),
            "ValueError: the lease was acknowledged or given back before");
  // The oldest first, whoever came back first.
  first.nack();
  EXPECT_EQ(q.get(), "a");
  q.task_done();
  auto moved = q.get_lease_nowait();
  auto last = std::move(moved);
  EXPECT_EQ(last.value(), "b");
  last.ack();
  EXPECT_TRUE(q.join());
  EXPECT_TRUE(q.empty());

  // Somebody says that it is finished, and then it does not come back.
  q.put("c");
  auto third = q.get_lease();
  q.task_done();
  EXPECT_TRUE(q.join(0));
  third.nack();
  EXPECT_TRUE(q.empty());
}

template <class B>
void lease_and_finish(Tasks<B, int> queue, Tokens<B> got, Tokens<B> go) {
  auto lease = queue.get_lease();
  got.put(*lease);
  go.get();
  lease.ack();
}

TYPED_TEST(TestQueue, JoinWaitsForALease) {
  Tasks<TypeParam, int> q;
  Tokens<TypeParam> got;
  Tokens<TypeParam> go;
  auto p = start<TypeParam>(lease_and_finish<TypeParam>, q, got, go);
  q.put(5);
  EXPECT_EQ(got.get(), 5);
  EXPECT_FALSE(q.join(0.01));
  go.put(1);
  EXPECT_TRUE(q.join());
  finish(p);
}

TYPED_TEST(TestQueue, AnImmediateEndFreesWhoJoins) {
  Tasks<TypeParam, int> q(2);
  q.put(1);
  q.put(2);
  EXPECT_TRUE(q.full());
  auto lease = q.get_lease();
  q.shutdown(true);
  // What waited is no task any more, what is leased is one; until it comes back, where nobody gets it.
  EXPECT_FALSE(q.join(0));
  lease.nack();
  EXPECT_TRUE(q.join());
  EXPECT_EQ(begins_with(error_of([&] { q.get(); }), "ShutDown:"), true);
}

TYPED_TEST(TestQueue, AViewIsWhatWasPut) {
  typename TypeParam::template Queue<std::string> q;
  q.put("a text");
  auto view = q.get_view();
  EXPECT_EQ(*view, "a text");
  EXPECT_EQ(view.bytes().size(), 6u);
  EXPECT_FALSE(q.try_get_view().ok());
  auto [a, b] = TypeParam::Pipe();
  a.send(std::string("another"));
  a.send_bytes("bytes");
  EXPECT_EQ(b.template recv_view<std::string>()->size(), 7u);
  EXPECT_EQ(b.recv_bytes_view()->size(), 5u);
}

template <class B, class T>
using Simple = typename B::template SimpleQueue<T>;

template <class B>
class TestSimpleQueue : public ParityTest {};
TYPED_TEST_SUITE(TestSimpleQueue, Backends, BackendNames);

constexpr const char* kClosed = "OSError: handle is closed";

TYPED_TEST(TestSimpleQueue, test_empty_exceptions) {
  Simple<TypeParam, int> queue;
  queue.close();
  EXPECT_EQ(error_of([&] { queue.empty(); }), kClosed);
}

template <class B>
void put_whether_empty(Simple<B, bool> queue, Tokens<B> child_can_start,
                       Tokens<B> parent_can_continue) {
  child_can_start.get();
  queue.put(queue.empty());
  queue.put(queue.empty());
  parent_can_continue.put(1);
}

TYPED_TEST(TestSimpleQueue, test_empty) {
  Simple<TypeParam, bool> queue;
  Tokens<TypeParam> child_can_start;
  Tokens<TypeParam> parent_can_continue;
  auto p =
      start<TypeParam>(put_whether_empty<TypeParam>, queue, child_can_start, parent_can_continue);
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
  Simple<TypeParam, int> queue;
  queue.close();
  queue.close();
}

TYPED_TEST(TestSimpleQueue, test_closed) {
  Simple<TypeParam, int> queue;
  queue.close();
  EXPECT_EQ(error_of([&] { queue.put(1); }), kClosed);
  EXPECT_EQ(error_of([&] { queue.get(); }), kClosed);
}

}  // namespace
}  // namespace mp::testing
