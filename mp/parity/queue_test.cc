// _TestQueue of the reference.

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mp/codec.h"
#include "mp/parity/backends.h"

namespace mp::testing {

// Refuses to be sent: its codec throws, and so does its copy, for where there is no codec.
class Stubborn {
 public:
  explicit Stubborn(bool refuses) : refuses_(refuses) {}
  Stubborn(const Stubborn& other) : refuses_(other.check()) {}
  Stubborn(Stubborn&&) noexcept = default;
  bool check() const {
    if (refuses_) {
      raise(internal::value_error("it does not want to go"));
    }
    return refuses_;
  }

 private:
  bool refuses_;
};

}  // namespace mp::testing

template <>
struct mp::Codec<mp::testing::Stubborn> {
  static Encoder::Ref encode(Encoder& e, const testing::Stubborn& s) { return e.value(s.check()); }
  static testing::Stubborn decode(const Reader& r) { return testing::Stubborn(r.boolean()); }
};

namespace mp::testing {
namespace {

template <class B>
class TestQueue : public ParityTest {};
TYPED_TEST_SUITE(TestQueue, Backends, BackendNames);

template <class Q>
bool is_empty(const Q& q, double timeout) {
  return begins_with(error_of([&] { q.get(timeout); }), "Empty:");
}
template <class Q>
bool is_full(const Q& q, double timeout) {
  return begins_with(error_of([&] { q.put(7, timeout); }), "Full:");
}

template <class B>
void take_six(Tokens<B> queue, Tokens<B> go, Tokens<B> done) {
  go.get();
  for (int i = 0; i < 6; ++i) {
    queue.get();
  }
  done.put(1);
}

TYPED_TEST(TestQueue, test_put) {
  Tokens<TypeParam> queue(6);
  Tokens<TypeParam> go;
  Tokens<TypeParam> done;
  auto p = start<TypeParam>(take_six<TypeParam>, queue, go, done);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.full());

  queue.put(1);
  queue.put(2, kForever);
  queue.put(3, 0);
  queue.put_nowait(4);
  EXPECT_TRUE(queue.try_put(5).ok());
  queue.put(6, 1.0);
  EXPECT_FALSE(queue.empty());
  EXPECT_TRUE(queue.full());

  EXPECT_TRUE(is_full(queue, 0));
  EXPECT_TRUE(is_full(queue, -1));
  EXPECT_TRUE(begins_with(error_of([&] { queue.put_nowait(7); }), "Full:"));
  EXPECT_FALSE(queue.try_put(7).ok());
  EXPECT_GE(seconds([&] { EXPECT_TRUE(is_full(queue, kTimeout1)); }), kTimeout1);

  go.put(1);
  done.get();
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.full());
  finish(p);
}

template <class B>
void put_four(Tokens<B> queue, Tokens<B> go, Tokens<B> done) {
  go.get();
  for (int i = 2; i <= 5; ++i) {
    queue.put(i);
  }
  done.put(1);
}

TYPED_TEST(TestQueue, test_get) {
  Tokens<TypeParam> queue;
  Tokens<TypeParam> go;
  Tokens<TypeParam> done;
  auto p = start<TypeParam>(put_four<TypeParam>, queue, go, done);
  EXPECT_TRUE(queue.empty());
  go.put(1);
  done.get();
  EXPECT_FALSE(queue.empty());

  EXPECT_EQ(queue.get(kForever), 2);
  EXPECT_EQ(queue.get(), 3);
  EXPECT_EQ(queue.get(1.0), 4);
  EXPECT_EQ(queue.get_nowait(), 5);
  EXPECT_TRUE(queue.empty());

  EXPECT_TRUE(is_empty(queue, 0));
  EXPECT_TRUE(is_empty(queue, -1));
  EXPECT_TRUE(begins_with(error_of([&] { queue.get_nowait(); }), "Empty:"));
  EXPECT_FALSE(queue.try_get().ok());
  EXPECT_GE(seconds([&] { EXPECT_TRUE(is_empty(queue, kTimeout1)); }), kTimeout1);
  finish(p);
}

template <class B>
void put_range(Tokens<B> queue, int from, int to) {
  for (int i = from; i < to; ++i) {
    queue.put(i);
  }
}

// The reference asks whether a feeder thread survives a fork; what remains is the order.
TYPED_TEST(TestQueue, test_fork) {
  Tokens<TypeParam> queue;
  put_range<TypeParam>(queue, 0, 10);
  auto p = start<TypeParam>(put_range<TypeParam>, queue, 10, 20);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(queue.get(), i);
  }
  EXPECT_TRUE(is_empty(queue, 0));
  finish(p);
}

TYPED_TEST(TestQueue, test_qsize) {
  Tokens<TypeParam> q;
  EXPECT_EQ(q.qsize(), 0u);
  q.put(1);
  EXPECT_EQ(q.qsize(), 1u);
  q.put(5);
  EXPECT_EQ(q.qsize(), 2u);
  q.get();
  EXPECT_EQ(q.qsize(), 1u);
  q.get();
  EXPECT_EQ(q.qsize(), 0u);
}

TYPED_TEST(TestQueue, test_timeout) {
  Tokens<TypeParam> q;
  EXPECT_GE(seconds([&] { EXPECT_TRUE(is_empty(q, 0.2)); }), 0.2);
}

TYPED_TEST(TestQueue, test_queue_feeder_donot_stop_onexc) {
  typename TypeParam::template Queue<Stubborn> q(1);
  Stubborn stubborn(true);
  Stubborn good(false);
  EXPECT_EQ(error_of([&] { q.put(stubborn); }), "ValueError: it does not want to go");
  EXPECT_EQ(q.qsize(), 0u);
  q.put(good, 5);
  EXPECT_EQ(q.qsize(), 1u);
  q.get(5);
  EXPECT_TRUE(q.empty());
}

TYPED_TEST(TestQueue, test_closed_queue_empty_exceptions) {
  Tokens<TypeParam> unused;
  unused.close();
  EXPECT_TRUE(unused.empty());
  Tokens<TypeParam> used;
  used.put(1);
  used.close();
  EXPECT_FALSE(used.empty());
}

TYPED_TEST(TestQueue, test_closed_queue_put_get_exceptions) {
  Tokens<TypeParam> q;
  q.close();
  for (const std::string& error :
       {error_of([&] { q.put(1); }), error_of([&] { q.get(); }),
        error_of([&] { q.put_many(std::vector<int>{1}); }), error_of([&] { q.get_many(1); })}) {
    EXPECT_TRUE(begins_with(error, "ValueError: Queue <")) << error;
    EXPECT_NE(error.find("> is closed"), std::string::npos) << error;
  }
  q.close();
}

// Not tests of the reference's suite, but its semantics, or what is better here.

TYPED_TEST(TestQueue, IsNotEmptyOncePutHasReturned) {
  Tokens<TypeParam> q;
  for (int i = 0; i < 200; ++i) {
    q.put(i);
    EXPECT_FALSE(q.empty());
    EXPECT_EQ(q.get_nowait(), i);
  }
}

template <class B>
void put_much(typename B::template Queue<std::string> q) {
  for (int i = 0; i < 1000; ++i) {
    q.put(std::string(256, static_cast<char>('a' + i % 26)));
  }
}

// Python waits for ever here: the child joins its feeder thread, which waits for a reader.
TYPED_TEST(TestQueue, AChildMayBeJoinedBeforeItsMessagesAreRead) {
  typename TypeParam::template Queue<std::string> q;
  finish(start<TypeParam>(put_much<TypeParam>, q));
  EXPECT_EQ(q.qsize(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(q.get(), std::string(256, static_cast<char>('a' + i % 26)));
  }
  EXPECT_TRUE(q.empty());
}

template <class B>
void put_in_batches(typename B::template Queue<std::string> q) {
  std::vector<std::string> batch;
  for (int i = 0; i < 64; ++i) {
    batch.emplace_back(100 + i, static_cast<char>('a' + i % 26));
  }
  for (int i = 0; i < 100; ++i) {
    q.put_many(batch);
  }
}

TYPED_TEST(TestQueue, GetManyIntoTheSameVector) {
  typename TypeParam::template Queue<std::string> q;
  auto producer = start<TypeParam>(put_in_batches<TypeParam>, q);
  std::vector<std::string> values(3, "not of the queue");
  for (int n = 0; n < 6400;) {
    q.get_many(values, 64);
    ASSERT_FALSE(values.empty());
    for (const std::string& value : values) {
      int i = n++ % 64;
      ASSERT_EQ(value, std::string(100 + i, static_cast<char>('a' + i % 26)));
    }
  }
  finish(std::move(producer));
  q.get_many(values, 64, 0);
  EXPECT_TRUE(values.empty());
  values = {"left"};
  q.get_many(values, 0);
  EXPECT_TRUE(values.empty());
  values = {"left"};
  q.close();
  EXPECT_TRUE(begins_with(error_of([&] { q.get_many(values, 64); }), "ValueError: "));
  EXPECT_TRUE(values.empty());
  typename TypeParam::template Queue<bool> bits;
  bits.put_many(std::vector<bool>{true, false, true});
  std::vector<bool> read{false};
  bits.get_many(read, 8);
  EXPECT_EQ(read, (std::vector<bool>{true, false, true}));
}

// Of a type that is read through its codec: no message disappears without a word.
TYPED_TEST(TestQueue, GetManyTellsOfAMessageThatCannotBeRead) {
  typename TypeParam::template Queue<std::pair<int, std::string>> q;
  q.put({1, "a"});
  q.put({2, "b"});
  std::vector<std::pair<int, std::string>> values;
  q.get_many(values, 10);
  EXPECT_EQ(values.size(), 2u);
  if constexpr (TypeParam::kProcesses) {
    Queue<> any;
    Queue<std::pair<int, std::string>> pairs =
        Object(any).template as<Queue<std::pair<int, std::string>>>();
    any.put({1, "a"});
    any.put("no pair");
    any.put({2, "b"});
    EXPECT_TRUE(begins_with(error_of([&] { pairs.get_many(values, 10, 0); }), "TypeError: "));
    ASSERT_EQ(values.size(), 1u);
    EXPECT_EQ(values[0].first, 1);
    pairs.get_many(values, 10, 0);
    ASSERT_EQ(values.size(), 1u);
    EXPECT_EQ(values[0].first, 2);
  }
}

template <class B>
void close_and_say_so(Tokens<B> q, typename B::template Queue<std::string> found) {
  q.close();
  found.put(error_of([&] { q.put(1); }).substr(0, 11));
}

TYPED_TEST(TestQueue, CloseIsLocal) {
  Tokens<TypeParam> q;
  typename TypeParam::template Queue<std::string> found;
  finish(start<TypeParam>(close_and_say_so<TypeParam>, q, found));
  EXPECT_EQ(found.get(), "ValueError:");
  q.put(1);
  EXPECT_EQ(q.get(), 1);
}

template <class B>
void produce(Tokens<B> q, int count) {
  for (int i = 1; i <= count; ++i) {
    q.put(i);
  }
  q.shutdown();
}

TYPED_TEST(TestQueue, IterationEndsAtShutdown) {
  Tokens<TypeParam> q;
  auto p = start<TypeParam>(produce<TypeParam>, q, 100);
  int sum = 0;
  for (int i : q) {
    sum += i;
  }
  EXPECT_EQ(sum, 5050);
  EXPECT_TRUE(begins_with(error_of([&] { q.put(1); }), "ShutDown:"));
  EXPECT_TRUE(begins_with(error_of([&] { q.get(); }), "ShutDown:"));
  finish(p);
}

template <class B>
void wait_for_end(Tokens<B> q, typename B::template Queue<std::string> found) {
  found.put("ready");
  found.put(error_of([&] { q.get(); }).substr(0, 9));
}

TYPED_TEST(TestQueue, ShutdownWakesWhoWaits) {
  Tokens<TypeParam> q;
  typename TypeParam::template Queue<std::string> found;
  auto a = start<TypeParam>(wait_for_end<TypeParam>, q, found);
  auto b = start<TypeParam>(wait_for_end<TypeParam>, q, found);
  for (const char* said : {"ready", "ready"}) {
    EXPECT_EQ(found.get(), said);
  }
  q.shutdown();
  EXPECT_EQ(found.get(), "ShutDown:");
  EXPECT_EQ(found.get(), "ShutDown:");
  finish(a);
  finish(b);
}

template <class B>
void put_into_full(Tokens<B> q, typename B::template Queue<std::string> found) {
  found.put("ready");
  found.put(error_of([&] { q.put(3); }).substr(0, 9));
}

template <class B>
void get_after_end(Tokens<B> q, typename B::template Queue<std::string> found) {
  found.put(error_of([&] { q.get(); }).substr(0, 9));
}

// Who waits for room in another process, and who comes later in a third: what is still there is nobody's.
TYPED_TEST(TestQueue, AnImmediateEndIsOneForAll) {
  Tokens<TypeParam> q(2);
  q.put(1);
  q.put(2);
  typename TypeParam::template Queue<std::string> found;
  auto a = start<TypeParam>(put_into_full<TypeParam>, q, found);
  EXPECT_EQ(found.get(), "ready");
  q.shutdown(true);
  EXPECT_EQ(found.get(), "ShutDown:");
  auto b = start<TypeParam>(get_after_end<TypeParam>, q, found);
  EXPECT_EQ(found.get(), "ShutDown:");
  EXPECT_TRUE(begins_with(error_of([&] { q.get_nowait(); }), "ShutDown:"));
  finish(a);
  finish(b);
}

template <class B>
void double_all(Tokens<B> in, Tokens<B> out) {
  for (;;) {
    std::vector<int> some = in.get_many(5);
    for (int& i : some) {
      i *= 2;
    }
    out.put_many(some);
    if (some.back() == -2) {
      return;
    }
  }
}

TYPED_TEST(TestQueue, BatchesKeepTheOrder) {
  Tokens<TypeParam> in;
  Tokens<TypeParam> out(7);
  auto p = start<TypeParam>(double_all<TypeParam>, in, out);
  std::vector<int> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(i);
  }
  in.put_many(all);
  in.put(-1);
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(out.get(), 2 * i);
  }
  EXPECT_EQ(out.get(), -2);
  finish(p);
  EXPECT_TRUE(out.get_many(3, kTimeout2).empty());
}

template <class B>
void answer(typename B::template Queue<std::pair<int, Tokens<B>>> questions) {
  for (int i = 0; i < 3; ++i) {
    auto [number, reply] = questions.get();
    reply.put(number * number);
  }
}

// Text is copied from where it lies, a vector of it is encoded: two ways to put.
template <class Q, class T>
void expect_half_is_put(const T& value) {
  Q q(5);
  try {
    q.put_many(std::vector<T>(10, value), 0.001);
    FAIL() << "there is no room";
  } catch (const Full& e) {
    EXPECT_EQ(e.put(), 5u);
    EXPECT_NE(std::string(e.what()).find("5 of the values were put before"), std::string::npos)
        << e.what();
  }
  EXPECT_EQ(q.qsize(), 5u);
  try {
    q.put_many(std::vector<T>(1, value), 0);
    FAIL() << "there is no room";
  } catch (const Full& e) {
    EXPECT_EQ(e.put(), 0u);
  }
  while (!q.empty()) {
    EXPECT_EQ(q.get(), value);
  }
}

TYPED_TEST(TestQueue, PutManyTellsHowManyItHasPut) {
  expect_half_is_put<typename TypeParam::template Queue<std::string>>(std::string("text"));
  using Texts = std::vector<std::string>;
  expect_half_is_put<typename TypeParam::template Queue<Texts>>(Texts{"a", "b"});
}

TYPED_TEST(TestQueue, QueuesTravelThroughQueues) {
  typename TypeParam::template Queue<std::pair<int, Tokens<TypeParam>>> questions;
  auto p = start<TypeParam>(answer<TypeParam>, questions);
  for (int i = 2; i <= 4; ++i) {
    Tokens<TypeParam> reply;
    questions.put({i, reply});
    EXPECT_EQ(reply.get(), i * i);
  }
  finish(p);
}

template <class B>
void pass_through(typename B::template Queue<int> q, Tokens<B> end) {
  while (end.empty()) {
    q.put(1);
    q.get();
  }
}

TYPED_TEST(TestQueue, QsizeIsOfOneMoment) {
  typename TypeParam::template Queue<int> q;
  Tokens<TypeParam> end;
  auto p = start<TypeParam>(pass_through<TypeParam>, q, end);
  uint64_t most = 0;
  for (int i = 0; i < 300'000; ++i) {
    most = std::max<uint64_t>(most, q.qsize());
  }
  end.put(1);
  finish(p);
  EXPECT_LE(most, 1u);
}

}  // namespace
}  // namespace mp::testing
