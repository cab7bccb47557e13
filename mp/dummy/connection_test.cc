#include "mp/dummy/connection.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "mp/dummy/lock.h"
#include "mp/dummy/pipe.h"
#include "mp/dummy/queue.h"
#include "mp/dummy/test_thread.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using namespace std::chrono_literals;
using mp::testing::TestThread;
using mp::testing::Watchdog;

template <class E>
std::string text_of(const std::function<void()>& call) {
  try {
    call();
    return "nothing was thrown";
  } catch (const E& e) {
    return e.what();
  }
}

std::string text(const Bytes& bytes) { return std::string(bytes.view()); }

struct Point {
  int x;
  int y;
  friend bool operator==(const Point&, const Point&) = default;
};

TEST(DummyConnection, ValuesArriveInOrderAndBothWays) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  a.send(1);
  a.send(std::string("two"));
  a.send(Point{3, 4});
  b.send(std::vector<int>{5, 6});
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_EQ(b.recv<std::string>(), "two");
  EXPECT_EQ(b.recv<Point>(), (Point{3, 4}));
  EXPECT_EQ(a.recv<std::vector<int>>(), (std::vector<int>{5, 6}));
}

TEST(DummyConnection, MovesWhatIsGivenAway) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  a.send(std::make_unique<int>(7));
  EXPECT_EQ(*b.recv<std::unique_ptr<int>>(), 7);
  auto shared = std::make_shared<int>(1);
  a.send(shared);
  EXPECT_EQ(shared.use_count(), 2);
  EXPECT_EQ(b.recv<std::shared_ptr<int>>().get(), shared.get()) << "the same object";
}

TEST(DummyConnection, WhatMeansTheSameIsReadAsEachOther) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  a.send(42);
  EXPECT_EQ(b.recv<int64_t>(), 42);
  a.send(42);
  EXPECT_EQ(b.recv<double>(), 42.0);
  a.send(Point{1, 2});
  EXPECT_EQ((b.recv<std::pair<int, int>>()), (std::pair<int, int>(1, 2)));
  a.send(std::optional<int>(3));
  EXPECT_EQ(b.recv<int>(), 3);
}

TEST(DummyConnection, ViewsArriveAsWhatOwnsTheSame) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  {
    std::string gone = "text";
    a.send(std::string_view(gone));
    a.send(gone.c_str());
    a.send("literal");
    std::vector<int> numbers = {1, 2, 3};
    a.send(std::span<const int>(numbers));
    gone = "xxxx";
    numbers.assign({0, 0, 0});
  }
  EXPECT_EQ(b.recv<std::string>(), "text");
  EXPECT_EQ(b.recv<std::string>(), "text");
  EXPECT_EQ(b.recv<std::string>(), "literal");
  // Not inside EXPECT_EQ: what it compares with would be made first, where `numbers` was.
  auto received = b.recv<std::vector<int>>();
  EXPECT_EQ(received, (std::vector<int>{1, 2, 3}));
}

TEST(DummyConnection, AnotherTypeIsATypeErrorAndTheMessageIsTakenOff) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  a.send(std::string("x"));
  std::string text = text_of<TypeError>([b = b] { b.recv<int>(); });
  EXPECT_NE(text.find("int"), std::string::npos) << text;
  EXPECT_NE(text.find("str"), std::string::npos) << text;
  a.send(std::make_unique<int>(1));
  text = text_of<TypeError>([b = b] { b.recv<int>(); });
  EXPECT_NE(text.find("std::unique_ptr<int"), std::string::npos) << text;
  a.send(5);
  text = text_of<TypeError>([b = b] { b.recv<std::unique_ptr<int>>(); });
  EXPECT_NE(text.find("expected std::unique_ptr<int"), std::string::npos) << text;
  EXPECT_NE(text.find("found int"), std::string::npos) << text;
  a.send(Queue<int>());
  EXPECT_THROW(b.recv<std::vector<int>>(), TypeError) << "a queue is no list";
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
}

TEST(DummyConnection, HandlesTravel) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  Queue<int> q;
  Lock lock;
  a.send(q);
  a.send(std::pair(lock, 3));
  b.recv<Queue<int>>().put(9);
  EXPECT_EQ(q.get(), 9);
  EXPECT_TRUE((b.recv<std::pair<Lock, int>>().first == lock));
  auto [c, d] = Pipe();
  a.send(std::move(c));
  d.send(1);
  EXPECT_EQ(b.recv<Connection>().recv<int>(), 1);
}

TEST(DummyConnection, WhatHasNoCopyIsCopiedByItsCodec) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  Fd file = Fd::duplicate(0);
  a.send(file);
  EXPECT_TRUE(file.valid());
  Fd copy = b.recv<Fd>();
  EXPECT_TRUE(copy.valid());
  EXPECT_NE(copy.get(), file.get());
  Queue<Fd> q;
  q.put(file);
  EXPECT_NE(q.get().get(), file.get());
  a.send(std::pair<int, Fd>(1, std::move(file)));
  EXPECT_TRUE((b.recv<std::tuple<int, Fd>>(), true)) << "through the codec";
}

TEST(DummyConnection, BytesAreMessagesOfTheirOwn) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  a.send_bytes("hello");
  a.send_bytes(std::string_view());
  EXPECT_EQ(text(b.recv_bytes()), "hello");
  EXPECT_TRUE(b.poll());
  EXPECT_EQ(b.recv_bytes().size(), 0u);
  a.send_bytes("hello");
  EXPECT_EQ(text_of<CodecError>([b = b] { b.recv<std::string>(); }),
            "the message was sent with send_bytes(): receive it with recv_bytes()");
  a.send_bytes("hello");
  EXPECT_EQ(text_of<OSError>([b = b] { b.recv_bytes(4); }), "bad message length");
  EXPECT_FALSE(b.poll());
  a.send(std::make_unique<int>(1));
  EXPECT_THROW(b.recv_bytes(), TypeError);
  a.send(7);
  EXPECT_EQ(b.recv_bytes().size(), 48u) << "the message of a number";
}

TEST(DummyConnection, BytesAreReceivedIntoABuffer) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  std::vector<std::byte> buffer(8, std::byte{'.'});
  a.send_bytes("abc");
  EXPECT_EQ(b.recv_bytes_into(buffer, 2), 3u);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(buffer.data()), 8), "..abc...");
  a.send_bytes("too long to fit");
  try {
    b.recv_bytes_into(buffer);
    FAIL() << "nothing was thrown";
  } catch (const BufferTooShort& e) {
    EXPECT_EQ(e.message(), "too long to fit");
  }
  EXPECT_THROW(b.recv_bytes_into(buffer, 9), ValueError);
  a.send_bytes("");
  EXPECT_EQ(b.recv_bytes_into({}), 0u);
}

TEST(DummyConnection, OneWayPipesRefuseTheOtherWay) {
  Watchdog dog(30s);
  auto [reader, writer] = Pipe(false);
  EXPECT_TRUE(reader.readable());
  EXPECT_FALSE(reader.writable());
  EXPECT_FALSE(writer.readable());
  EXPECT_TRUE(writer.writable());
  EXPECT_EQ(text_of<OSError>([r = reader] { r.send(1); }), "connection is read-only");
  EXPECT_EQ(text_of<OSError>([w = writer] { w.recv<int>(); }), "connection is write-only");
  EXPECT_EQ(text_of<OSError>([w = writer] { w.poll(); }), "connection is write-only");
  writer.send(1);
  EXPECT_EQ(reader.recv<int>(), 1);
}

TEST(DummyConnection, AClosedHandleRefusesEverything) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  a.close();
  a.close();
  EXPECT_TRUE(a.closed());
  for (auto call : std::vector<std::function<void()>>{
           [a = a] { a.send(1); }, [a = a] { a.recv<int>(); }, [a = a] { a.send_bytes("x"); },
           [a = a] { a.recv_bytes(); }, [a = a] { a.poll(); }}) {
    EXPECT_EQ(text_of<OSError>(call), "handle is closed");
  }
  EXPECT_FALSE(b.closed());
}

TEST(DummyConnection, TheEndIsGoneWhenItsLastHandleIs) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  {
    Connection second = a;
    Connection third = second;
    EXPECT_TRUE(third == a);
    EXPECT_FALSE(third == b);
    a.close();
    third.send(1);
    third.close();
    EXPECT_EQ(b.recv<int>(), 1);
    EXPECT_FALSE(b.poll());
    b.send(2);
    EXPECT_EQ(second.recv<int>(), 2);
    second.send(3);
  }
  EXPECT_TRUE(b.poll());
  EXPECT_EQ(b.recv<int>(), 3) << "what was sent comes first";
  EXPECT_TRUE(b.poll()) << "recv() would not block";
  EXPECT_THROW(b.recv<int>(), EOFError);
  EXPECT_THROW(b.recv_bytes(), EOFError);
  EXPECT_NE(text_of<BrokenPipeError>([b = b] { b.send(4); }).find("Broken pipe"),
            std::string::npos);
}

TEST(DummyConnection, AssigningAndMovingKeepTheCount) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  auto [c, d] = Pipe();
  Connection x = std::move(a);
  const Connection& same = x;
  x = same;
  Connection y = x;
  y = c;
  b.send(1);
  EXPECT_EQ(x.recv<int>(), 1);
  x = c;
  EXPECT_THROW(b.send(2), BrokenPipeError);
  d.send(3);
  EXPECT_EQ(y.recv<int>(), 3);
}

TEST(DummyConnection, MessagesThatNobodyWillReceiveAreFreed) {
  Watchdog dog(30s);
  auto value = std::make_shared<int>(1);
  auto [a, b] = Pipe();
  a.send(value);
  b.close();
  EXPECT_EQ(value.use_count(), 1);
}

TEST(DummyConnection, SendWakesAReceiver) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  TestThread receiver([b = b] { EXPECT_EQ(b.recv<int>(), 1); });
  ASSERT_TRUE(receiver.await_asleep());
  a.send(1);
}

TEST(DummyConnection, ClosingWakesAReceiver) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  TestThread receiver([b = b] { EXPECT_THROW(b.recv<int>(), EOFError); });
  ASSERT_TRUE(receiver.await_asleep());
  a.close();
}

TEST(DummyConnection, AMessageWakesAReceiverAlsoBesidePollers) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  TestThread poller([b = b] { EXPECT_TRUE(b.poll(kForever)); });
  ASSERT_TRUE(poller.await_asleep());
  TestThread receiver([b = b] { EXPECT_EQ(b.recv<int>(), 1); });
  ASSERT_TRUE(receiver.await_asleep());
  a.send(1);
  receiver.join();
  a.send(2);
}

TEST(DummyConnection, PollWaitsForItsTimeoutOnly) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  EXPECT_FALSE(b.poll());
  EXPECT_FALSE(b.poll(-1));
  auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(b.poll(30ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
  a.send(1);
  EXPECT_TRUE(b.poll(kForever));
  EXPECT_TRUE(b.poll());
}

TEST(DummyConnection, SendWaitsWhileTheOtherEndLeavesHalfAMebibyteUnread) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  constexpr size_t kSize = 64 << 10;
  std::string kilobytes(kSize, 'x');
  TestThread sender([a = a, kilobytes] {
    for (int i = 0; i < 10; ++i) {
      a.send_bytes(kilobytes);
    }
  });
  ASSERT_TRUE(sender.await_asleep());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(b.recv_bytes().size(), kSize);
  }
  sender.join();
  std::vector<double> large(1 << 20);
  a.send(large);
  TestThread second([a = a, &large] { a.send(large); });
  ASSERT_TRUE(second.await_asleep());
  EXPECT_EQ(b.recv<std::vector<double>>().size(), large.size());
  EXPECT_EQ(b.recv<std::vector<double>>().size(), large.size());
}

TEST(DummyConnection, ClosingWakesASender) {
  Watchdog dog(30s);
  auto [a, b] = Pipe();
  a.send_bytes(std::string(1 << 20, 'x'));
  TestThread sender([a = a] { EXPECT_THROW(a.send(1), BrokenPipeError); });
  ASSERT_TRUE(sender.await_asleep());
  b.close();
}

TEST(DummyConnection, ManyThreadsShareItsEnds) {
  Watchdog dog(120s);
  auto [a, b] = Pipe();
  constexpr int kEach = 5000;
  int64_t sums[3] = {};
  {
    std::vector<std::unique_ptr<TestThread>> threads;
    for (int64_t& sum : sums) {
      threads.push_back(std::make_unique<TestThread>([b = b, &sum] {
        try {
          for (;;) {
            sum += b.recv<int>();
          }
        } catch (const EOFError&) {
        }
      }));
    }
    std::vector<std::thread> senders;
    for (int s = 0; s < 3; ++s) {
      senders.emplace_back([a = a] {
        for (int i = 1; i <= kEach; ++i) {
          a.send(i);
        }
      });
    }
    for (std::thread& t : senders) {
      t.join();
    }
    a.close();
  }
  EXPECT_EQ(sums[0] + sums[1] + sums[2], int64_t{3} * kEach * (kEach + 1) / 2);
}

}  // namespace
}  // namespace mp::dummy
