// Messages of no bytes, of one, and of very many; and one that the family's budget has no room for.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mp/bytes.h"
#include "mp/errors.h"
#include "mp/memory.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

constexpr uint64_t kMiB = uint64_t{1} << 20;
const uint64_t kSizes[] = {0, 1, 64 * kMiB, 0, 1};

std::string text_of(uint64_t size) {
  std::string text(size, '\0');
  for (uint64_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>(i * 131 + (i >> 12));
  }
  return text;
}

class MessageSize : public testing::Fixture, public ::testing::WithParamInterface<const char*> {
 protected:
  template <class F, class... A>
  Process start(F f, A... args) {
    Process p({.context = get_context(GetParam())}, f, args...);
    p.start();
    return p;
  }
  void end(Process& p) {
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
  }

  Watchdog dog_{250s};
};

INSTANTIATE_TEST_SUITE_P(Message, MessageSize, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

void echo_queue(Queue<std::string> in, Queue<std::string> out, int count) {
  for (int i = 0; i < count; ++i) {
    out.put(in.get());
  }
}

TEST_P(MessageSize, NothingOneByteAndVeryManyCrossAQueue) {
  Queue<std::string> in;
  Queue<std::string> out;
  Process p = start(echo_queue, in, out, static_cast<int>(std::size(kSizes)));
  for (uint64_t size : kSizes) {
    in.put(text_of(size));
  }
  for (uint64_t size : kSizes) {
    EXPECT_TRUE(out.get() == text_of(size)) << size;
  }
  end(p);
}

void echo_pipe(Connection connection, int count) {
  for (int i = 0; i < count; ++i) {
    connection.send(connection.recv<std::string>());
    connection.send_bytes(connection.recv_bytes());
  }
}

TEST_P(MessageSize, NothingOneByteAndVeryManyCrossAPipe) {
  auto [here, there] = Pipe();
  Process p = start(echo_pipe, there, static_cast<int>(std::size(kSizes)));
  there.close();
  for (uint64_t size : kSizes) {
    std::string text = text_of(size);
    here.send(text);
    EXPECT_TRUE(here.recv<std::string>() == text) << size;
    here.send_bytes(text);
    Bytes bytes = here.recv_bytes();
    EXPECT_EQ(bytes.size(), size);
    EXPECT_TRUE(std::equal(text.begin(), text.end(), reinterpret_cast<const char*>(bytes.data())))
        << size;
  }
  end(p);
}

// A budget of 64 MiB while it lives.
class SmallBudget {
 public:
  SmallBudget() { set_memory_limit(64 * kMiB); }
  ~SmallBudget() { set_memory_limit(before_); }

 private:
  uint64_t before_ = memory_limit();
};

// It is a MemoryError that names budget, use and option.
template <class F>
void expect_refused(const F& f) {
  try {
    f();
    ADD_FAILURE() << "no MemoryError";
  } catch (const MemoryError& e) {
    std::string text = e.what();
    for (const char* part : {"budget of 67108864", "bytes of the family's",
                             "mp::set_memory_limit()", "MP_MEMORY_LIMIT"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
    }
  }
}

void put_too_much(Queue<std::string> queue, Queue<int> done) {
  bool refused = false;
  try {
    queue.put(std::string(65 * kMiB, 'x'));
  } catch (const MemoryError&) {
    refused = true;
  }
  queue.put("by the child");
  done.put(refused ? 1 : 0);
}

TEST_P(MessageSize, OneOverTheBudgetLeavesWhatIsInTheQueue) {
  Queue<std::string> queue;
  Queue<int> done;
  queue.put("one");
  queue.put(text_of(kMiB));
  SmallBudget budget;
  uint64_t used = memory_used();
  expect_refused([&] { queue.put(std::string(64 * kMiB, 'x')); });
  expect_refused([&] {
    queue.put_many(std::vector<std::string>{"-", std::string(64 * kMiB, 'x')});
  });
  EXPECT_EQ(queue.try_put(std::string(64 * kMiB, 'x')).code(),
            absl::StatusCode::kResourceExhausted);
  // Room for it was looked for: what was cached has gone.
  EXPECT_LE(memory_used(), used);
  Process p = start(put_too_much, queue, done);
  EXPECT_EQ(done.get(), 1);
  queue.put("two");
  EXPECT_EQ(queue.get(), "one");
  EXPECT_TRUE(queue.get() == text_of(kMiB));
  EXPECT_EQ(queue.get(), "by the child");
  EXPECT_EQ(queue.get(), "two");
  EXPECT_TRUE(queue.empty());
  queue.put(text_of(16 * kMiB));
  EXPECT_TRUE(queue.get() == text_of(16 * kMiB));
  end(p);
}

void get_one(Queue<std::string> queue, Queue<std::string> out) {
  out.put("about to get");
  out.put(queue.get());
}

TEST_P(MessageSize, OneOverTheBudgetDisturbsNobodyWhoWaits) {
  Queue<std::string> queue;
  Queue<std::string> out;
  Process p = start(get_one, queue, out);
  EXPECT_EQ(out.get(), "about to get");
  ASSERT_TRUE(testing::await_asleep(p.pid()));
  SmallBudget budget;
  for (int i = 0; i < 3; ++i) {
    expect_refused([&] { queue.put(std::string(64 * kMiB, 'x')); });
  }
  EXPECT_TRUE(out.empty());
  queue.put("fits");
  EXPECT_EQ(out.get(), "fits");
  end(p);
}

TEST_P(MessageSize, OneOverTheBudgetLeavesAPipeUsable) {
  auto [here, there] = Pipe();
  Process p = start(echo_pipe, there, 1);
  there.close();
  SmallBudget budget;
  expect_refused([&here = here] { here.send(std::string(64 * kMiB, 'x')); });
  expect_refused([&here = here] { here.send_bytes(std::string(64 * kMiB, 'x')); });
  here.send(std::string("fits"));
  EXPECT_EQ(here.recv<std::string>(), "fits");
  here.send_bytes(std::string("too"));
  EXPECT_EQ(here.recv_bytes().size(), 3u);
  end(p);
}

}  // namespace
}  // namespace mp
