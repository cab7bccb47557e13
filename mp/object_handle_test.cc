// Handles inside an mp::Object: they stay handles to the same thing, wherever the Object goes.

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "mp/array.h"
#include "mp/barrier.h"
#include "mp/bounded_semaphore.h"
#include "mp/condition.h"
#include "mp/errors.h"
#include "mp/event.h"
#include "mp/lock.h"
#include "mp/object.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/raw_array.h"
#include "mp/rlock.h"
#include "mp/semaphore.h"
#include "mp/shareable_list.h"
#include "mp/shared_memory.h"
#include "mp/sharedctypes.h"
#include "mp/testing/fixture.h"
#include "mp/testing/live_blocks.h"
#include "mp/testing/watchdog.h"
#include "mp/value.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;

class ObjectHandle : public testing::Fixture, public ::testing::WithParamInterface<const char*> {
 protected:
  testing::Watchdog dog_{120s};
};

template <class F>
std::string error(F f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(e.name()) + ": " + e.what();
  }
  return "no error";
}

// Through an Object, and through an Object that was in a message.
template <class H>
void expect_same(const H& handle, const char* type) {
  Object o = handle;
  EXPECT_EQ(o.kind(), Object::Kind::kHandle) << type;
  EXPECT_STREQ(o.type_name(), type);
  EXPECT_EQ(o.as<H>(), handle) << type;
  Queue<> q;
  q.put({1, o});
  Object got = q.get();
  EXPECT_EQ(got[1], o) << type;
  EXPECT_EQ(got[1].hash(), o.hash()) << type;
  EXPECT_EQ(got[1].as<H>(), handle) << type;
  EXPECT_EQ(repr(got[1]), repr(o));
  EXPECT_EQ(repr(o).find(std::string("<") + type + " at 0x"), 0u) << repr(o);
  EXPECT_TRUE(o);
}

TEST_F(ObjectHandle, IsTheSameThingOfEveryClass) {
  expect_same(Lock(), "Lock");
  expect_same(RLock(), "RLock");
  expect_same(Semaphore(2), "Semaphore");
  expect_same(BoundedSemaphore(2), "Semaphore");
  expect_same(Event(), "Event");
  expect_same(Barrier(2), "Barrier");
  expect_same(Condition(), "Condition");
  expect_same(Condition(Lock()), "Condition");
  expect_same(Queue<int>(), "Queue");
  expect_same(Queue<>(), "Queue");
  auto [a, b] = Pipe();
  expect_same(a, "Connection");
  auto [in, out] = Pipe(false);
  expect_same(in, "Connection");
  expect_same(out, "Connection");
  expect_same(RawValue<int>(7), "RawValue");
  expect_same(Value<double>(0.5), "Value");
  expect_same(RawArray<int>({1, 2}), "RawArray");
  expect_same(Array<int>({1, 2}), "Array");
  expect_same(make_value('i', 7), "Value");
  expect_same(make_array('d', {1, 2}), "Array");
  expect_same(ValueLock(), "ValueLock");
  SharedMemory memory = SharedMemory::create(10);
  expect_same(memory, "SharedMemory");
  memory.unlink();
}

TEST_F(ObjectHandle, ReachesWhatTheOriginalReaches) {
  Object o = list({Lock(), Event(), Value<int>(7), Condition()});
  Object copy = o;
  copy[0].as<Lock>().acquire();
  EXPECT_FALSE(o[0].as<Lock>().acquire(0));
  o[0].as<Lock>().release();
  o[1].as<Event>().set();
  EXPECT_TRUE(copy[1].as<Event>().is_set());
  copy[2].as<Value<int>>().set_value(8);
  EXPECT_EQ(o[2].as<Value<int>>().value(), 8);
  ShareableList items({1, "two"});
  Object named = items;
  EXPECT_EQ(named.as<ShareableList>()[1], Object("two"));
  items.shm().unlink();
}

TEST_F(ObjectHandle, GoesWithTheContainerItIsIn) {
  Lock lock;
  Event event;
  Object o = std::map<std::string, std::vector<Lock>>{{"all", {lock, lock}}};
  EXPECT_EQ((o.as<std::map<std::string, std::vector<Lock>>>()["all"][1]), lock);
  EXPECT_EQ(o.at("all")[0].as<Lock>(), lock);
  Object t = std::tuple(lock, 3, std::optional<Event>(event), std::optional<Event>());
  EXPECT_EQ(t.kind(), Object::Kind::kTuple);
  EXPECT_EQ((t.as<std::tuple<Lock, int, std::optional<Event>, std::optional<Event>>>()),
            std::tuple(lock, 3, std::optional<Event>(event), std::optional<Event>()));
  Object s = set({lock, event, lock});
  EXPECT_EQ(s.size(), 2u);
  EXPECT_TRUE(s.contains(event));
  EXPECT_FALSE(s.contains(Event()));
}

TEST_F(ObjectHandle, IsNotTakenForSomethingElse) {
  Object lock = Lock();
  EXPECT_EQ(error([&] { lock.as<Queue<int>>(); }),
            "TypeError: mp: expected mp::Queue, found mp::Lock");
  EXPECT_EQ(error([&] { lock.as<int>(); }), "TypeError: mp: expected int, found mp::Lock");
  EXPECT_EQ(error([&] { Object(7).as<Lock>(); }), "TypeError: mp: expected mp::Lock, found int");
  EXPECT_EQ(error([&] { Object(Condition()).as<Barrier>(); }),
            "TypeError: mp: expected mp::Barrier, found mp::Condition");
  EXPECT_EQ(error([&] { Object(Semaphore(2)).as<BoundedSemaphore>(); }),
            "TypeError: mp: expected mp::BoundedSemaphore, found mp::Semaphore");
  EXPECT_EQ(repr(Object(BoundedSemaphore(2)).as<BoundedSemaphore>()),
            "<BoundedSemaphore(value=2, maxvalue=2)>");
  EXPECT_EQ(error([&] { lock.size(); }), "TypeError: object of type 'Lock' has no len()");
  EXPECT_EQ(error([&] { static_cast<void>(lock < lock); }),
            "TypeError: '<' not supported between instances of 'Lock' and 'Lock'");
  EXPECT_NE(lock, Object(Lock()));
  EXPECT_NE(lock, Object(0));
  EXPECT_EQ(error([&] { Object(Barrier(2, [] {})); }),
            "TypeError: mp: expected mp::Object, found function");
}

// Alone, and in a message that nobody else holds anything of.
TEST_F(ObjectHandle, KeepsTheThingAliveAndNoLonger) {
  int64_t before = testing::live_blocks();
  Object o = list({Event(), Condition()});
  EXPECT_EQ(testing::live_blocks(), before + 3);
  Object copy = o;
  o = None;
  EXPECT_EQ(testing::live_blocks(), before + 3);
  {
    Queue<> q;
    q.put(copy);
    copy = None;
    copy = q.get();
    copy[0].as<Event>().set();
    EXPECT_TRUE(copy[0].as<Event>().is_set());
    q.put(std::move(copy));
    copy = None;
  }
  EXPECT_EQ(testing::live_blocks(), before);
}

void serve(Queue<> jobs) {
  for (Object job : jobs) {
    Lock lock = job["lock"].as<Lock>();
    std::scoped_lock hold(lock);
    auto sum = job["sum"].as<Value<int>>();
    sum.set_value(sum.value() + job["n"].as<int>());
    job["done"].as<Connection>().send(job["n"]);
  }
}

TEST_P(ObjectHandle, WorksInAnotherProcess) {
  Queue<> jobs;
  Process p({.context = get_context(GetParam())}, serve, jobs);
  p.start();
  Lock lock;
  Value<int> sum(0);
  for (int n = 1; n <= 3; ++n) {
    auto [mine, its] = Pipe();
    jobs.put(dict({{"lock", lock}, {"sum", sum}, {"n", n}, {"done", its}}));
    its.close();
    EXPECT_EQ(mine.recv<int>(), n);
    // The Object was the last to have it.
    EXPECT_THROW(mine.recv<int>(), EOFError);
  }
  jobs.shutdown();
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  EXPECT_EQ(sum.value(), 6);
}

INSTANTIATE_TEST_SUITE_P(Methods, ObjectHandle, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(ObjectHandle, QueuesAndConnectionsPrintAsInPython) {
  auto printed = [](const auto& x) {
    std::ostringstream out;
    out << x;
    return out.str();
  };
  Queue<int> q;
  EXPECT_EQ(printed(q).find("<multiprocessing.queues.Queue object at 0x"), 0u) << printed(q);
  EXPECT_EQ(printed(q), mp::repr(q));
  auto [a, b] = Pipe();
  EXPECT_EQ(printed(a).find("<multiprocessing.connection.Connection object at 0x"), 0u);
  EXPECT_EQ(printed(a), mp::repr(a));
  EXPECT_NE(printed(a), printed(b));
}

// Called by its full name too, as what the thing is and not as an Object that has it.
TEST_F(ObjectHandle, EveryClassHasATextOfItsOwn) {
  EXPECT_EQ(mp::repr(Value<int>(7)), "<Synchronized wrapper for c_int(7)>");
  EXPECT_EQ(mp::repr(RawValue<int>(7)), "c_int(7)");
  EXPECT_EQ(mp::repr(Array<int>(3)).find("<SynchronizedArray wrapper for "), 0u);
  EXPECT_EQ(mp::repr(RawArray<int>(3)).find("<multiprocessing.sharedctypes.c_int_Array_3 "), 0u);
  EXPECT_EQ(mp::repr(make_value('i', 7)), "<Synchronized wrapper for c_int(7)>");
  EXPECT_EQ(mp::repr(make_raw_value('i', 7)), "c_int(7)");
  EXPECT_EQ(mp::repr(make_array('i', 3)).find("<SynchronizedArray wrapper for "), 0u);
  EXPECT_EQ(mp::repr(Lock()), "<Lock(owner=None)>");
  EXPECT_EQ(mp::repr(Condition()).find("<Condition("), 0u);
}

}  // namespace
}  // namespace mp
