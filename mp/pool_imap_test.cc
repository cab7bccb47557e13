// When imap reads its input, and what close(), join() and its end do to it.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/internal/pool/planted_pool.h"
#include "mp/pool.h"
#include "mp/pool_errors.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/semaphore.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"
#include "mp/thread_pool.h"
#include "mp/value.h"

namespace mp::testing {
namespace {

template <class P>
class PoolImap : public Fixture {
 private:
  Watchdog dog_{internal::patience(std::chrono::seconds(60))};
};
using Pools = ::testing::Types<Pool, ThreadPool>;
TYPED_TEST_SUITE(PoolImap, Pools);

int square(int x) { return x * x; }

std::vector<int> numbers(int n) {
  std::vector<int> in(static_cast<size_t>(n));
  std::iota(in.begin(), in.end(), 0);
  return in;
}

// Numbers from 0, of which `read` counts those that were moved to: an input range with the least that one needs.
struct Counting {
  struct End {
    int n;
  };
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    int* read;
    int operator*() const { return *read; }
    iterator& operator++() {
      ++*read;
      return *this;
    }
    void operator++(int) { ++*read; }
    friend bool operator==(const iterator& a, End b) { return *a.read == b.n; }
  };
  int* read;
  int n;
  iterator begin() const { return {read}; }
  End end() const { return {n}; }
};

TYPED_TEST(PoolImap, GoesOnAfterClose) {
  TypeParam pool(1);
  auto it = pool.imap(square, numbers(1000));
  pool.close();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(it.next(), i * i);
  }
  EXPECT_EQ(it.next(), std::nullopt);
  EXPECT_TRUE(pool.join());
}

TYPED_TEST(PoolImap, JoinReadsItsInput) {
  TypeParam pool(1);
  auto it = pool.imap(square, numbers(1000));
  pool.close();
  EXPECT_TRUE(pool.join());
  int n = 0;
  for (int x : it) {
    ASSERT_EQ(x, n * n);
    ++n;
  }
  EXPECT_EQ(n, 1000);
}

// Ones without end, slowly.
struct Endless {
  struct End {};
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    int operator*() const { return 1; }
    iterator& operator++() {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator&, End) { return false; }
  };
  iterator begin() const { return {}; }
  End end() const { return {}; }
};

// What a queue has, until it is -1.
struct FromQueue {
  struct iterator {
    using value_type = std::pair<Queue<int>, int>;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = value_type*;
    using reference = value_type;
    Queue<int>* queue;
    int value;
    value_type operator*() const { return {*queue, value}; }
    iterator& operator++() {
      value = queue->get();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, const iterator& b) { return a.value == b.value; }
  };
  Queue<int>* queue;
  iterator begin() const { return {queue, queue->get()}; }
  iterator end() const { return {queue, -1}; }
};

int put_next(std::pair<Queue<int>, int> from) {
  from.first.put(from.second == 300 ? -1 : from.second + 1);
  return from.second;
}

TYPED_TEST(PoolImap, JoinGivesOutEachItemOfAnInputThatItsTasksMake) {
  TypeParam pool(2);
  Queue<int> queue;
  queue.put(0);
  auto it = pool.imap(put_next, FromQueue{&queue});
  pool.close();
  EXPECT_TRUE(pool.join());
  for (int i = 0; i <= 300; ++i) {
    ASSERT_EQ(it.next(), i);
  }
  EXPECT_EQ(it.next(), std::nullopt);
}

using Counted = std::pair<Semaphore, int>;

// 600 items, each of which takes a millisecond to read; a forward range.
struct Slow {
  struct iterator {
    using value_type = Counted;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    using pointer = Counted*;
    using reference = Counted;
    const Slow* of = nullptr;
    int n = 0;
    Counted operator*() const {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++*of->read;
      return {*of->done, n};
    }
    iterator& operator++() {
      ++n;
      return *this;
    }
    iterator operator++(int) { return {of, n++}; }
    friend bool operator==(const iterator&, const iterator&) = default;
  };
  int* read;
  const Semaphore* done;
  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, 600}; }
};

int count_and_square(const Counted& counted) {
  counted.first.release();
  return counted.second * counted.second;
}

TYPED_TEST(PoolImap, HandsOutResultsBeforeItHasReadASlowRangeFarAhead) {
  TypeParam pool(1);
  Semaphore done(0);
  int read = 0, all_done = 0;
  const Slow slow{&read, &done};
  auto it = pool.imap(count_and_square, slow);
  int most = 0;
  for (int i = 0; i < 300; ++i) {
    // There is a result, if only just.
    for (; all_done < read; ++all_done) {
      done.acquire();
    }
    const int before = read;
    ASSERT_EQ(it.next(), i * i);
    most = std::max(most, read - before);
  }
  EXPECT_LT(most, 100);  // it would be 128
}

TYPED_TEST(PoolImap, JoinReadsNoLongerThanItsTimeout) {
  TypeParam pool(1);
  {
    auto it = pool.imap(square, Endless());
    pool.close();
    EXPECT_FALSE(pool.join(0.01));
    EXPECT_FALSE(pool.join(0));
    EXPECT_EQ(it.next(), 1);
  }
  EXPECT_TRUE(pool.join());
}

TYPED_TEST(PoolImap, CloseNeedNotWaitForOneThatIsGone) {
  TypeParam pool(1);
  {
    auto it = pool.imap(square, numbers(1000));
    EXPECT_EQ(it.next(), 0);
    pool.close();
  }
  EXPECT_TRUE(pool.join());
}

TYPED_TEST(PoolImap, ReadsNoFurtherThanItMust) {
  TypeParam pool(1);
  int read = 0;
  auto it = pool.imap({.chunksize = 2, .buffersize = 1}, square, Counting{&read, 100});
  EXPECT_EQ(read, 1);  // on the second item
  EXPECT_EQ(it.next(), 0);
  EXPECT_EQ(it.next(), 1);
  EXPECT_EQ(read, 1);
  EXPECT_EQ(it.next(), 4);
  EXPECT_EQ(read, 3);
}

// A forward range of what `get` makes of the numbers below n.
template <class Get>
struct Made {
  struct iterator {
    using value_type = std::invoke_result_t<const Get&, int>;
    using difference_type = std::ptrdiff_t;
    const Get* get = nullptr;
    int at = 0;
    value_type operator*() const { return (*get)(at); }
    iterator& operator++() {
      ++at;
      return *this;
    }
    iterator operator++(int) { return {get, at++}; }
    friend bool operator==(const iterator& a, const iterator& b) { return a.at == b.at; }
  };
  Get get;
  int n;
  iterator begin() const { return {&get, 0}; }
  iterator end() const { return {&get, n}; }
};
template <class Get>
Made(Get, int) -> Made<Get>;

size_t length_of(const std::string& text) { return text.size(); }

TEST(PoolImapAhead, IsLessIfTheChunksAreLarge) {
  Watchdog dog(std::chrono::seconds(60));
  Pool pool(2);
  for (auto [length, most] : {std::pair<size_t, int>{10, 512}, {6'000, 349}, {100'000, 64}}) {
    int made = 0;
    auto it = pool.imap(length_of, Made{[&made, n = length](int) {
                                          ++made;
                                          return std::string(n, 'x');
                                        },
                                        10'000});
    // A message is a little longer than its text.
    EXPECT_LE(made, most);
    EXPECT_GE(made, most * 9 / 10);
    EXPECT_EQ(it.next(), length);
  }
}

TEST(PoolImapAhead, EndsWhereTheInputThrows) {
  Watchdog dog(std::chrono::seconds(60));
  Pool pool(2);
  auto it = pool.imap(square, Made{[](int at) {
                                     if (at == 700) {
                                       throw std::out_of_range("no more");
                                     }
                                     return at;
                                   },
                                   1000});
  for (int i = 0; i < 700; ++i) {
    ASSERT_EQ(it.next(), i * i);
  }
  EXPECT_THROW(it.next(), std::out_of_range);
  EXPECT_EQ(it.next(), std::nullopt);
  EXPECT_EQ(pool.apply(square, 7), 49);
}

// Numbers; it waits for an event before it moves to its third item.
struct Waiting {
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    Event* go;
    int at;
    int operator*() const { return at; }
    iterator& operator++() {
      if (++at == 2) {
        go->wait();
      }
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, Counting::End b) { return a.at == b.n; }
  };
  Event* go;
  iterator begin() const { return {go, 0}; }
  Counting::End end() const { return {3}; }
};

TYPED_TEST(PoolImap, HandsOutWhatIsThereBeforeItReadsOn) {
  TypeParam pool(1);
  Event begin, go;
  auto it = pool.imap({.buffersize = 2},
                      mp::bind(
                          [](Event b, int x) {
                            b.wait();
                            return x * x;
                          },
                          begin),
                      Waiting{&go});
  begin.set();
  pool.apply(square, 0);  // the one worker has done the two before
  EXPECT_EQ(it.next(), 0);
  EXPECT_EQ(it.next(), 1);
  go.set();
  EXPECT_EQ(it.next(), 4);
  EXPECT_EQ(it.next(), std::nullopt);
}

TYPED_TEST(PoolImap, DoesNotDoWhatNobodyAsksForAnyMore) {
  TypeParam pool(1);
  Value<int> ran(0);
  Event begun, go;
  {
    auto it = pool.imap(mp::bind(
                            [](Value<int> n, Event b, Event g, int) {
                              n.update([](int& v) { ++v; });
                              b.set();
                              g.wait();
                              return 0;
                            },
                            ran, begun, go),
                        numbers(20));
    begun.wait();
  }
  go.set();
  EXPECT_EQ(pool.apply(square, 3), 9);
  EXPECT_EQ(ran.value(), 1);
}

TYPED_TEST(PoolImap, SaysFirstThatThePoolIsClosed) {
  TypeParam pool(1);
  pool.close();
  try {
    pool.imap(square, numbers(3), 0);
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_STREQ(e.what(), "Pool not running");
  }
}

TYPED_TEST(PoolImap, TriesWithoutWaiting) {
  TypeParam pool(1);
  Event go;
  auto it = pool.imap(mp::bind(
                          [](Event g, int x) {
                            g.wait();
                            return x;
                          },
                          go),
                      numbers(2));
  EXPECT_THROW(it.try_next(), TimeoutError);
  auto behind = pool.apply_async(square, 3);
  EXPECT_EQ(behind.try_get(), std::nullopt);
  go.set();
  behind.wait();
  EXPECT_EQ(behind.try_get(), 9);
  EXPECT_EQ(it.try_next(), 0);
}

TYPED_TEST(PoolImap, MapTakesRangesWithTheLeast) {
  TypeParam pool(2);
  int read = 0;
  EXPECT_EQ(pool.map(square, Counting{&read, 5}), (std::vector{0, 1, 4, 9, 16}));
}

TEST(ThreadPoolLimits, RefusesWhatItCannotDo) {
  ThreadPool pool(1);
  EXPECT_THROW(pool.apply_async({.timeout = 1.0}, square, 2), ValueError);
  EXPECT_THROW(pool.map_async({.retries = 1}, square, numbers(2)), ValueError);
  EXPECT_THROW(pool.imap({.timeout = 1.0}, square, numbers(2)), ValueError);
}

int wait_for(Event e) {
  e.wait();
  return 1;
}

TEST(PoolLimits, ImapHasThem) {
  Pool pool(1);
  const std::vector<Event> never{Event()};
  auto it = pool.imap({.timeout = 0.05}, wait_for, never);
  EXPECT_THROW(it.next(), TimeoutError);
}

}  // namespace
}  // namespace mp::testing
