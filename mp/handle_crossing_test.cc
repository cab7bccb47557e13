// Every kind of handle through a pipe and through a queue, as itself and inside of what messages are made of, to processes
// of each start method: what arrives leads to the same thing.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/mp.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

// Of each kind: a handle; what is done with it elsewhere; and how that is seen here.
template <class H>
struct Kind;

template <>
struct Kind<Queue<int>> {
  Queue<int> handle;
  static bool use(const Queue<int>& q) { return q.try_put(7).ok(); }
  bool seen() { return handle.get() == 7; }
};
template <>
struct Kind<SimpleQueue<int>> {
  SimpleQueue<int> handle;
  static bool use(const SimpleQueue<int>& q) { return q.put(7), true; }
  bool seen() { return handle.get() == 7; }
};
// A task is put there and finished here.
template <>
struct Kind<JoinableQueue<int>> {
  JoinableQueue<int> handle;
  static bool use(const JoinableQueue<int>& q) { return q.try_put(7).ok(); }
  bool seen() {
    bool unfinished = !handle.join(0);
    bool got = handle.get() == 7;
    handle.task_done();
    return unfinished && got && handle.join(0);
  }
};
template <>
struct Kind<Connection> {
  std::pair<Connection, Connection> ends = Pipe();
  Connection& handle = ends.first;
  static bool use(const Connection& c) { return c.send(7), true; }
  bool seen() { return ends.second.recv<int>() == 7; }
};
// Held here, so it cannot be taken there.
template <class L>
struct KindOfLock {
  KindOfLock() { handle.acquire(); }
  ~KindOfLock() { handle.release(); }
  L handle;
  static bool use(const L& lock) { return !lock.acquire(0); }
  bool seen() { return true; }
};
template <>
struct Kind<Lock> : KindOfLock<Lock> {};
template <>
struct Kind<RLock> : KindOfLock<RLock> {};
template <>
struct Kind<Condition> : KindOfLock<Condition> {};
template <>
struct Kind<Semaphore> {
  Semaphore handle{0};
  static bool use(const Semaphore& s) { return s.release(), true; }
  bool seen() { return handle.acquire(0); }
};
template <>
struct Kind<BoundedSemaphore> {
  BoundedSemaphore handle{1};
  Kind() { handle.acquire(); }
  static bool use(const BoundedSemaphore& s) { return s.release(), true; }
  bool seen() { return handle.acquire(0); }
};
template <>
struct Kind<Event> {
  Event handle;
  static bool use(const Event& e) { return e.set(), true; }
  bool seen() { return handle.is_set() && (handle.clear(), true); }
};
template <>
struct Kind<Barrier> {
  Barrier handle{2};
  static bool use(const Barrier& b) { return b.abort(), true; }
  bool seen() { return handle.broken() && (handle.reset(), true); }
};
template <>
struct Kind<Value<int>> {
  Value<int> handle{0};
  static bool use(const Value<int>& v) { return v.set_value(7), true; }
  bool seen() { return handle.value() == 7 && (handle.set_value(0), true); }
};
template <>
struct Kind<RawValue<int>> {
  RawValue<int> handle{0};
  static bool use(const RawValue<int>& v) { return v.set_value(7), true; }
  bool seen() { return handle.value() == 7 && (handle.set_value(0), true); }
};
template <class A>
struct KindOfArray {
  A handle = A(3);
  static bool use(const A& a) { return a[1] = 7, true; }
  bool seen() { return handle[1] == 7 && (handle[1] = 0, true); }
};
template <>
struct Kind<Array<int>> : KindOfArray<Array<int>> {};
template <>
struct Kind<RawArray<int>> : KindOfArray<RawArray<int>> {};
template <>
struct Kind<SharedMemory> {
  SharedMemory handle{{.create = true, .size = 64}};
  ~Kind() { handle.unlink(); }
  static bool use(const SharedMemory& m) { return m.buf()[1] = std::byte{7}, true; }
  bool seen() { return std::exchange(handle.buf()[1], std::byte{0}) == std::byte{7}; }
};
template <>
struct Kind<ShareableList> {
  ShareableList handle{1, "a"};
  ~Kind() { handle.shm().unlink(); }
  static bool use(const ShareableList& l) { return l.set(0, 7), true; }
  bool seen() { return handle.get(0) == Object(7) && (handle.set(0, 1), true); }
};
// Sending one leaves it here.
template <>
struct Kind<Fd> {
  Kind() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    read.reset(ends[0]);
    handle.reset(ends[1]);
  }
  Fd read;
  Fd handle;
  static bool use(const Fd& fd) { return write(fd.get(), "7", 1) == 1; }
  bool seen() {
    char c = 0;
    return ::read(read.get(), &c, 1) == 1 && c == '7';
  }
};

template <class H>
struct Inside {
  int number;
  H handle;
};

template <class H>
bool call(H handle) {
  return Kind<H>::use(handle);
}

// Where a handle can be: how it gets in, and is used there.
template <class H>
struct Bare {
  using Message = H;
  static Message wrap(H h) { return h; }
  static bool use(const Message& m) { return Kind<H>::use(m); }
};
template <class H>
struct InAVector {
  using Message = std::vector<H>;
  static Message wrap(H h) {
    Message m;
    m.push_back(std::move(h));
    return m;
  }
  static bool use(const Message& m) { return Kind<H>::use(m.at(0)); }
};
template <class H>
struct InAMap {
  using Message = std::map<std::string, H>;
  static Message wrap(H h) {
    Message m;
    m.emplace("it", std::move(h));
    return m;
  }
  static bool use(const Message& m) { return Kind<H>::use(m.at("it")); }
};
template <class H>
struct InAnOptional {
  using Message = std::optional<H>;
  static Message wrap(H h) { return Message(std::move(h)); }
  static bool use(const Message& m) { return Kind<H>::use(m.value()); }
};
template <class H>
struct InATuple {
  using Message = std::tuple<int, H, std::string>;
  static Message wrap(H h) { return {1, std::move(h), "x"}; }
  static bool use(const Message& m) { return Kind<H>::use(std::get<1>(m)); }
};
template <class H>
struct InAStruct {
  using Message = std::vector<Inside<H>>;
  static Message wrap(H h) {
    Message m;
    m.push_back({1, std::move(h)});
    return m;
  }
  static bool use(const Message& m) { return Kind<H>::use(m.at(0).handle); }
};
template <class H>
struct InATask {
  using Message = Function<bool()>;
  static Message wrap(H h) { return bind(call<H>, std::move(h)); }
  static bool use(const Message& m) { return m(); }
};
template <class H>
struct InAnObject {
  using Message = Object;
  static Message wrap(H h) { return Object{"a list", h}; }
  static bool use(const Message& m) { return Kind<H>::use(m[1].template as<H>()); }
};

template <class W>
void use_what_comes(const Connection& conn) {
  conn.send(W::use(conn.recv<typename W::Message>()));
  auto queue = conn.recv<Queue<typename W::Message>>();
  conn.send(W::use(queue.get()));
}
template <class W, class H>
void give(const Connection& conn, Kind<H>& kind, H (*copy)(const H&), const char* where) {
  SCOPED_TRACE(where);
  conn.send(W::wrap(copy(kind.handle)));
  EXPECT_TRUE(conn.recv<bool>()) << "through a pipe";
  EXPECT_TRUE(kind.seen()) << "through a pipe";
  Queue<typename W::Message> queue;
  conn.send(queue);
  queue.put(W::wrap(copy(kind.handle)));
  EXPECT_TRUE(conn.recv<bool>()) << "through a queue";
  EXPECT_TRUE(kind.seen()) << "through a queue";
}

template <class H>
constexpr bool kInCode = !std::is_same_v<H, Fd>;

template <class H>
void child(Connection conn) {
  use_what_comes<Bare<H>>(conn);
  use_what_comes<InAVector<H>>(conn);
  use_what_comes<InAMap<H>>(conn);
  use_what_comes<InAnOptional<H>>(conn);
  use_what_comes<InATuple<H>>(conn);
  use_what_comes<InAStruct<H>>(conn);
  if constexpr (kInCode<H>) {
    use_what_comes<InATask<H>>(conn);
    use_what_comes<InAnObject<H>>(conn);
  }
}

template <class H>
H copy(const H& handle) {
  if constexpr (std::is_same_v<H, Fd>) {
    return Fd::duplicate(handle.get());
  } else {
    return handle;
  }
}

template <class H>
class HandleCrossing : public testing::Fixture {
 private:
  testing::Watchdog dog_{std::chrono::seconds(60)};
};
using Kinds =
    ::testing::Types<Queue<int>, SimpleQueue<int>, JoinableQueue<int>, Connection, Lock, RLock,
                     Condition, Semaphore, BoundedSemaphore, Event, Barrier, Value<int>,
                     RawValue<int>, Array<int>, RawArray<int>, SharedMemory, ShareableList, Fd>;
TYPED_TEST_SUITE(HandleCrossing, Kinds);

TYPED_TEST(HandleCrossing, LeadsToTheSameThing) {
  using H = TypeParam;
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    SCOPED_TRACE(method);
    auto [conn, child_conn] = Pipe();
    Process p({.context = get_context(method)}, child<H>, child_conn);
    p.start();
    child_conn.close();
    // Made afterwards: a child by fork would have it already.
    Kind<H> kind;
    give<Bare<H>>(conn, kind, copy<H>, "bare");
    give<InAVector<H>>(conn, kind, copy<H>, "in a vector");
    give<InAMap<H>>(conn, kind, copy<H>, "in a map");
    give<InAnOptional<H>>(conn, kind, copy<H>, "in an optional");
    give<InATuple<H>>(conn, kind, copy<H>, "in a tuple");
    give<InAStruct<H>>(conn, kind, copy<H>, "in a struct");
    if constexpr (kInCode<H>) {
      give<InATask<H>>(conn, kind, copy<H>, "in a task");
      give<InAnObject<H>>(conn, kind, copy<H>, "in an object");
    }
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
  }
}

}  // namespace
}  // namespace mp
