// A program of a user's who asks the compiler for more warnings than the library's own code is compiled with: its headers have
// none of them.

#include <mutex>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mp/after_fork.h"
#include "mp/backend.h"
#include "mp/dummy.h"
#include "mp/mp.h"
#include "mp/python/client.h"
#include "mp/python/listener.h"
#include "mp/remote_error.h"

namespace {

struct Task {
  mp::Queue<std::string> queue;
  int n = 0;
  void operator()() const { queue.put(std::to_string(n)); }
};

struct Worker : mp::ProcessOf<Worker> {
  mp::Queue<int> queue;
  void run() override { queue.put(7); }
  auto fields() { return std::tie(queue); }
};

struct Point {
  double x, y;
};

struct Broken : std::runtime_error {
  using runtime_error::runtime_error;
};
const bool kBroken = mp::register_exception<Broken>();

int square(int x) { return x * x; }
int add(int x, int y) { return x + y; }

TEST(Warnings, Processes) {
  mp::Queue<std::string> queue;
  mp::Process p(Task{queue, 3});
  p.start();
  EXPECT_EQ(queue.get(), "3");
  p.join();
  Worker worker;
  worker.start();
  EXPECT_EQ(worker.queue.get(), 7);
  worker.join();
  int captured = 4;
  mp::ForkProcess f({.name = "f"}, [&] { queue.put(std::to_string(captured)); });
  f.start();
  EXPECT_EQ(queue.get(), "4");
  f.join();
}

TEST(Warnings, Queues) {
  mp::Queue<> objects;
  objects.put({42, mp::None, "hello", 2.5});
  EXPECT_EQ(objects.get()[0].as<int>(), 42);
  mp::JoinableQueue<std::vector<int>> jobs;
  jobs.put_many(std::vector<std::vector<int>>(2, {1, 2}));
  EXPECT_EQ(jobs.get().size(), 2u);
  jobs.task_done();
  mp::Queue<std::string> texts;
  texts.put_many({"a", "b"});
  EXPECT_EQ(texts.get_many(1).size(), 1u);
  EXPECT_EQ(*texts.get_lease(), "b");
  mp::SimpleQueue<char> letters;
  letters.put('a');
  EXPECT_EQ(letters.get(), 'a');
  mp::Queue<mp::Bytes> large;
  large.put(mp::Bytes("bytes"));
  EXPECT_EQ(large.get_view().bytes().size(), 5u);
  mp::Queue<mp::Function<int(int)>> functions;
  functions.put(mp::bind(&add, 1));
  EXPECT_EQ(functions.get()(2), 3);
  auto [a, b] = mp::Pipe();
  a.send(std::tuple(1, std::string("x"), Point{1, 2}));
  EXPECT_EQ((std::get<0>(b.recv<std::tuple<int, std::string, Point>>())), 1);
  EXPECT_EQ(mp::wait({a, b}, 0).size(), 0u);
}

TEST(Warnings, Locks) {
  mp::Lock lock;
  mp::RLock rlock;
  mp::Semaphore semaphore(2);
  std::scoped_lock hold(lock, rlock);
  EXPECT_TRUE(semaphore.acquire(0.5));
  semaphore.release();
  mp::Condition condition;
  condition.acquire();
  EXPECT_FALSE(condition.wait_for([] { return false; }, 0));
  condition.release();
  mp::Event event;
  event.set();
  EXPECT_TRUE(event.wait(0));
}

TEST(Warnings, Memory) {
  mp::Value<int> n(7);
  n.update([](int& v) { ++v; });
  EXPECT_EQ(n.value(), 8);
  mp::Value<Point> point(Point{1, 2});
  mp::Array<double> array(3);
  array[1] = 0.5;
  EXPECT_EQ(array.slice(1, 2)[0], 0.5);
  mp::Array<char> text(8);
  text.set_value("abc");
  mp::RawArray<short> raw(4);
  raw[0] = 1;
  mp::ShareableList list({"a", 1});
  list[1] = 2;
  EXPECT_EQ(mp::SharedMemory::create(10).buf().size(), 10u);
}

template <class Pool>
void use(const Pool& pool) {
  EXPECT_EQ(pool.map(square, {1, 2}), (std::vector<int>{1, 4}));
  EXPECT_EQ(pool.starmap(add, std::vector<std::pair<int, int>>{{1, 2}}), std::vector<int>{3});
  EXPECT_EQ(pool.apply_async(square, 3).get(), 9);
  for (int x : pool.imap(square, std::vector<int>{2})) {
    EXPECT_EQ(x, 4);
  }
  EXPECT_EQ(pool.submit(square, 2).then([](int x) { return x + 1; }).get(), 5);
}

TEST(Warnings, Pools) {
  use(mp::Pool(1));
  use(mp::ThreadPool(1));
}

TEST(Warnings, Twins) {
  mp::dummy::Queue<std::string> queue;
  mp::dummy::Process p([queue] { queue.put("text"); });
  p.start();
  EXPECT_EQ(queue.get(), "text");
  p.join();
  mp::dummy::Value<int> n(1);
  mp::dummy::Array<int> array(2);
  array[0] = n.value();
}

}  // namespace
