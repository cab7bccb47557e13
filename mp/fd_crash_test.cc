// A descriptor inside a message goes with the message, whoever is killed and whenever: none stays in the family's mailbox
// that nobody will fetch. Each is the write end of a pipe: as long as it is open anywhere, the pipe does not end.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/proc/mailbox.h"
#include "mp/internal/shm/deposits.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/memory.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/live_blocks.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using internal::Family;
using testing::Holders;
using testing::live_blocks;
using testing::Tracee;
using testing::Watchdog;

struct Letter {
  std::string text;
  Fd fd;
};

// Another handle to the same queue, whose messages are read as something else.
template <class T, class U>
Queue<T> as_queue_of(const Queue<U>& queue) {
  Encoder e;
  internal::encode_message(e, queue);
  return internal::decode_message<Queue<T>>(e.message());
}
uint64_t queue_offset(const Queue<Letter>& queue) {
  Encoder e;
  internal::encode_message(e, queue);
  return e.handles()[0];
}

class Pipe2 {
 public:
  Pipe2() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }
  int write_end() const { return write_.get(); }
  void close_here() { write_.reset(); }
  // Nobody has the write end any more.
  bool ended() const {
    char c;
    return read(read_.get(), &c, 1) == 0;
  }

 private:
  Fd read_;
  Fd write_;
};

class Send final : public testing::Traced {
 public:
  Send(Queue<Letter> queue, int fd)
      : queue_(std::move(queue)), letter_{std::string(300, 'x'), Fd::duplicate(fd)} {}
  void operate() override { queue_.put(letter_); }

 private:
  Queue<Letter> queue_;
  Letter letter_;
};
class Receive final : public testing::Traced {
 public:
  explicit Receive(Queue<Letter> queue) : queue_(std::move(queue)) {}
  void operate() override { queue_.get(); }

 private:
  Queue<Letter> queue_;
};

// Kills it on entry to its n-th system call (from 1). False when it came to its end before.
bool kill_at_call(testing::Traced& what, int n) {
  Tracee tracee(what);
  Tracee::At at = tracee.at();
  for (int i = 0; i < n && at != Tracee::At::kEnd; ++i) {
    at = tracee.run();
    if (at == Tracee::At::kEntry && i + 1 < n) {
      at = tracee.step();
    }
  }
  bool killed = at != Tracee::At::kEnd;
  tracee.kill();
  return killed;
}

// Kills it `instructions` behind its n-th system call, or before the next one. Returns how many it did, 0 when it came to
// its end before that call.
int kill_behind_call(testing::Traced& what, int call, int instructions) {
  Tracee tracee(what);
  Tracee::At at = tracee.at();
  for (int i = 0; i < call && at != Tracee::At::kEnd; ++i) {
    at = tracee.run();
    if (at == Tracee::At::kEntry) {
      at = tracee.step();
    }
  }
  int done = 0;
  while (done < instructions && at == Tracee::At::kInstruction) {
    at = tracee.step();
    ++done;
  }
  tracee.kill();
  return done;
}

class Sweep final : public testing::Traced {
 public:
  void operate() override { Family::get().sweep_all(); }
};
class Destroy final : public testing::Traced {
 public:
  explicit Destroy(std::optional<Queue<Letter>>& queue) : queue_(queue) {}
  void operate() override { queue_.reset(); }

 private:
  std::optional<Queue<Letter>>& queue_;
};

// Where a member function that is not virtual begins.
template <class Member>
uintptr_t address_of(Member member) {
  uintptr_t address;
  static_assert(sizeof member >= sizeof address);
  std::memcpy(&address, &member, sizeof address);
  return address;
}

// False when it came to its end before it was there.
bool run_to(Tracee& tracee, uintptr_t address) {
  Tracee::At at = tracee.run(address);
  while (at == Tracee::At::kEntry) {
    tracee.step();
    at = tracee.run(address);
  }
  return at == Tracee::At::kInstruction;
}
// False when it came to its end before.
bool do_steps(Tracee& tracee, int n) {
  Tracee::At at = tracee.at();
  while (n-- > 0 && (at == Tracee::At::kInstruction || at == Tracee::At::kEntry)) {
    at = tracee.step();
  }
  return at == Tracee::At::kInstruction || at == Tracee::At::kEntry;
}

enum class Healer { kSweep, kPut, kDestroy };

class FdCrash : public ::testing::TestWithParam<Healer> {
 protected:
  void SetUp() override { Family::get(); }

  // What somebody else does next; then nothing may be left of what nobody received. `queue` may be gone.
  void heal(std::optional<Queue<Letter>>& queue) {
    switch (GetParam()) {
      case Healer::kSweep:
        Family::get().sweep_all();
        break;
      case Healer::kPut:
        queue->put({"another", Fd()});
        break;
      case Healer::kDestroy:
        Family::get().sweep_all();
        queue.reset();
        break;
    }
  }

  // `once` kills what `kill` is given, at each system call and at many instructions between them, until it comes to its
  // end. Returns the number of system calls.
  template <class Once>
  int at_all_points(const Once& once) const {
    int calls = 0;
    while (once([&](auto& what) { return kill_at_call(what, calls + 1); })) {
      if (++calls == 500) {
        ADD_FAILURE() << "no end after " << calls << " system calls";
        break;
      }
    }
    // Kill points between two system calls; all instructions where there are fewer.
    int per_span = GetParam() == Healer::kSweep ? 100 : 20;
    for (int call = 0; call <= calls; ++call) {
      int length = 0;
      once([&](auto& what) {
        length = kill_behind_call(what, call, std::numeric_limits<int>::max());
        return true;
      });
      for (int n = 1; n < length; n += length / per_span + 1) {
        once([&](auto& what) { return kill_behind_call(what, call, n) == n; });
      }
    }
    return calls;
  }

  Watchdog dog_{250s};
};

INSTANTIATE_TEST_SUITE_P(Fd, FdCrash,
                         ::testing::Values(Healer::kSweep, Healer::kPut, Healer::kDestroy),
                         [](const auto& info) {
                           return std::string(info.param == Healer::kSweep ? "swept"
                                              : info.param == Healer::kPut ? "next_put"
                                                                           : "destroyed");
                         });

TEST_P(FdCrash, ASenderKilledAnywhereLeavesNoDescriptor) {
  int points = 0;
  int orphans = 0;
  int sent = 0;
  auto once = [&](auto kill) {
    Pipe2 pipe;
    std::optional<Queue<Letter>> queue(std::in_place);
    bool killed;
    {
      Send send(*queue, pipe.write_end());
      killed = kill(send);
    }
    pipe.close_here();
    bool there = !pipe.ended();
    bool message = !queue->empty();
    heal(queue);
    if (queue.has_value()) {
      for (absl::StatusOr<Letter> letter = queue->try_get(); letter.ok();
           letter = queue->try_get()) {
        sent += letter->fd.valid() ? 1 : 0;
      }
    }
    EXPECT_TRUE(pipe.ended()) << "at point " << points;
    orphans += there && !message ? 1 : 0;
    points += killed ? 1 : 0;
    return killed && pipe.ended();
  };
  int calls = at_all_points(once);
  // Had nobody healed, these would have stayed.
  EXPECT_GT(orphans, 0);
  if (GetParam() != Healer::kDestroy) {
    EXPECT_GT(sent, 0);
  }
  std::printf("%d kill points, %d system calls; %d left a descriptor without a message\n", points,
              calls, orphans);
  std::fflush(stdout);
}

TEST_P(FdCrash, AReceiverKilledAnywhereLeavesNoDescriptor) {
  int points = 0;
  int died_with = 0;
  auto once = [&](auto kill) {
    Pipe2 pipe;
    std::optional<Queue<Letter>> queue(std::in_place);
    queue->put({"text", Fd::duplicate(pipe.write_end())});
    pipe.close_here();
    bool killed;
    {
      Receive receive(*queue);
      killed = kill(receive);
    }
    bool there = !pipe.ended();
    bool message = !queue->empty();
    // Of a getter's death the producers see nothing.
    if (GetParam() != Healer::kDestroy) {
      Family::get().sweep_all();
    }
    heal(queue);
    if (queue.has_value() && message) {
      absl::StatusOr<Letter> letter = queue->try_get();
      EXPECT_TRUE(letter.ok() && letter->fd.valid()) << "at point " << points;
    }
    EXPECT_TRUE(pipe.ended()) << "at point " << points;
    died_with += there && !message ? 1 : 0;
    points += killed ? 1 : 0;
    return killed && pipe.ended();
  };
  int calls = at_all_points(once);
  EXPECT_GT(died_with, 0);
  std::printf("%d kill points, %d system calls; %d left a descriptor without a receiver\n", points,
              calls, died_with);
  std::fflush(stdout);
}

// The sender dies with its descriptor in the mailbox and the message not published, or the receiver after it committed and
// before it fetched; then who makes an orphan of it, at every instruction of that; then somebody else comes by.
TEST(FdLoss, AHealerKilledAnywhereLeavesItsWorkToTheNext) {
  Watchdog dog(250s);
  Family::get();
  constexpr int kInstructions = 250;
  for (bool receiver : {false, true}) {
    // The last instruction of such a death: before the message is published, before the descriptor is fetched.
    uintptr_t at = receiver ? reinterpret_cast<uintptr_t>(internal::mailbox_take)
                            : address_of(&internal::ChannelWriter<>::publish);
    uintptr_t healing = receiver ? address_of(&internal::Deposits::orphan_of_dead_takers)
                                 : address_of(&internal::Deposits::forget);
    for (int n = 0; n <= kInstructions; ++n) {
      Pipe2 pipe;
      Queue<Letter> queue;
      if (receiver) {
        queue.put({"text", Fd::duplicate(pipe.write_end())});
        Receive receive(queue);
        Tracee tracee(receive);
        pipe.close_here();
        ASSERT_TRUE(run_to(tracee, at));
        tracee.kill();
      } else {
        Send send(queue, pipe.write_end());
        Tracee tracee(send);
        ASSERT_TRUE(run_to(tracee, at));
        tracee.kill();
      }
      pipe.close_here();
      ASSERT_FALSE(pipe.ended());
      {
        Sweep sweep;
        Tracee tracee(sweep);
        ASSERT_TRUE(run_to(tracee, healing));
        ASSERT_TRUE(do_steps(tracee, n));
        tracee.kill();
      }
      Family::get().sweep_all();
      ASSERT_TRUE(pipe.ended()) << "healer killed at its instruction " << n
                                << (receiver ? " after a receiver" : " after a sender");
      ASSERT_EQ(internal::mailbox_waiting(), 0);
    }
  }
}

// The sender is dead and swept, its message not settled; who has the queue's last handle dies while it frees the queue.
TEST(FdLoss, AHalfFreedQueueIsNotLookedInto) {
  Watchdog dog(250s);
  // The list of held objects and the entries have their pages.
  { Queue<Letter> warm; }
  Family::get().sweep_all();
  int64_t before = live_blocks(Holders::kCounted);
  int died_freeing = 0;
  // Where it has said that it frees the queue, and where it begins with the parts; from there on until it is done.
  for (uintptr_t start : {address_of(&internal::Deposits::channel_ends),
                          reinterpret_cast<uintptr_t>(&internal::destroy_ring)}) {
    bool freeing = true;
    for (int n = 0; freeing; n += 1 + n / 20) {
      Sweep sweep;
      // Older than the queue, which its list must not name.
      Tracee sweeper(sweep);
      Pipe2 pipe;
      std::optional<Queue<Letter>> queue(std::in_place);
      {
        Send send(*queue, pipe.write_end());
        Tracee tracee(send);
        ASSERT_TRUE(run_to(tracee, address_of(&internal::ChannelWriter<>::publish)));
        tracee.kill();
      }
      pipe.close_here();
      ASSERT_TRUE(run_to(sweeper, address_of(&internal::Deposits::orphan_of_dead_takers)));
      sweeper.kill();
      {
        Destroy destroy(queue);
        Tracee tracee(destroy);
        uint64_t at = queue_offset(*queue);
        queue.reset();
        ASSERT_TRUE(run_to(tracee, start));
        do_steps(tracee, n);
        tracee.kill();
        const internal::Block& block = *Family::get().arena().block(at);
        freeing = block.state.load() == internal::Block::kLive &&
                  (block.flags.load() & internal::Block::kDying) != 0;
        died_freeing += freeing ? 1 : 0;
      }
      // Settles, and sweeps nobody.
      Family::get().sweep(internal::Owner{});
      Family::get().sweep_all();
      ASSERT_TRUE(pipe.ended()) << "killed at instruction " << n;
      ASSERT_EQ(live_blocks(Holders::kCounted), before) << "killed at instruction " << n;
    }
  }
  EXPECT_GT(died_freeing, 20);
  std::printf("%d deaths in a half freed queue\n", died_freeing);
}

// Taken off by a call that has no use for the descriptor.
TEST(FdLoss, AReceiveThatDecodesNoDescriptorClosesIt) {
  auto [a, b] = Pipe();
  auto lost = [&a = a, &b = b](const auto& receive) {
    Pipe2 pipe;
    a.send(Letter{"text", Fd::duplicate(pipe.write_end())});
    pipe.close_here();
    EXPECT_FALSE(pipe.ended());
    receive();
    EXPECT_TRUE(pipe.ended());
    EXPECT_EQ(internal::mailbox_waiting(), 0);
    EXPECT_FALSE(b.poll());
  };
  lost([&b = b] { EXPECT_THROW(b.recv<int>(), TypeError); });
  lost([&b = b] { EXPECT_THROW((b.recv<std::pair<int, std::string>>()), TypeError); });
  lost([&b = b] { EXPECT_GT(b.recv_bytes().size(), 0u); });
  std::byte small[1];
  lost([&b = b, &small] { EXPECT_THROW(b.recv_bytes_into(small), BufferTooShort); });
}

// The message stays where it is, for others who have this end.
TEST(FdLoss, AMessageThatIsTooLongKeepsItsDescriptor) {
  Pipe2 pipe;
  {
    auto [a, b] = Pipe();
    a.send(Letter{"text", Fd::duplicate(pipe.write_end())});
    pipe.close_here();
    EXPECT_THROW(b.recv_bytes(1), OSError);
    EXPECT_FALSE(pipe.ended());
  }
  EXPECT_TRUE(pipe.ended());
  EXPECT_EQ(internal::mailbox_waiting(), 0);
}

TEST(FdLoss, AReceiveThatDecodesNoHandleFreesItsObject) {
  auto [a, b] = Pipe();
  // The list of held objects and the entries have their pages.
  a.send(Lock());
  b.recv<Lock>();
  int64_t before = live_blocks(Holders::kCounted);
  a.send(Lock());
  EXPECT_GT(live_blocks(Holders::kCounted), before);
  EXPECT_THROW(b.recv<int>(), TypeError);
  EXPECT_EQ(live_blocks(Holders::kCounted), before);
  a.send(Lock());
  EXPECT_GT(b.recv_bytes().size(), 0u);
  EXPECT_EQ(live_blocks(Holders::kCounted), before);
}

TEST(FdLoss, AGetThatDecodesNoDescriptorClosesIt) {
  Queue<Letter> put;
  Queue<int> get = as_queue_of<int>(put);
  auto lost = [&](const auto& receive) {
    Pipe2 pipe;
    put.put({"text", Fd::duplicate(pipe.write_end())});
    pipe.close_here();
    EXPECT_FALSE(pipe.ended());
    receive();
    EXPECT_TRUE(pipe.ended());
    EXPECT_EQ(internal::mailbox_waiting(), 0);
  };
  lost([&] { EXPECT_EQ(get.try_get().status().code(), absl::StatusCode::kInvalidArgument); });
  lost([&] { EXPECT_THROW(get.get_many(3), TypeError); });
  // Not the first of a batch: the batch ends before it, and the next call reports it.
  lost([&] {
    EXPECT_THROW(get.get(), TypeError);
    get.put(1);
    Pipe2 pipe;
    put.put({"text", Fd::duplicate(pipe.write_end())});
    get.put(2);
    pipe.close_here();
    EXPECT_EQ(get.get_many(3), std::vector<int>{1});
    EXPECT_FALSE(pipe.ended());
    EXPECT_THROW(get.get_many(3), TypeError);
    EXPECT_TRUE(pipe.ended());
    EXPECT_EQ(get.get_many(3), std::vector<int>{2});
  });
}

TEST(FdLoss, AQueueThatGoesTakesItsDescriptorsAlong) {
  Pipe2 pipe;
  {
    Queue<Letter> queue;
    for (int i = 0; i < 5; ++i) {
      queue.put({"text", Fd::duplicate(pipe.write_end())});
    }
    EXPECT_TRUE(queue.get().fd.valid());
    EXPECT_EQ(internal::mailbox_waiting(), 4);
  }
  pipe.close_here();
  EXPECT_TRUE(pipe.ended());
  EXPECT_EQ(internal::mailbox_waiting(), 0);
}

TEST(FdLoss, APipeThatGoesTakesItsDescriptorsAlong) {
  Pipe2 pipe;
  {
    auto [a, b] = Pipe();
    a.send(Letter{"text", Fd::duplicate(pipe.write_end())});
  }
  pipe.close_here();
  EXPECT_TRUE(pipe.ended());
}

TEST(FdLoss, APutThatFailsTakesItsDescriptorsBack) {
  Pipe2 pipe;
  Queue<Letter> queue;
  uint64_t before = memory_limit();
  set_memory_limit(uint64_t{64} << 20);
  EXPECT_THROW(queue.put({std::string(80 << 20, 'x'), Fd::duplicate(pipe.write_end())}),
               MemoryError);
  set_memory_limit(before);
  // The first finds a place in the mailbox, the second is no descriptor.
  Queue<std::pair<Fd, Fd>> two;
  EXPECT_THROW(two.put({Fd::duplicate(pipe.write_end()), Fd(999'999)}), OSError);
  pipe.close_here();
  EXPECT_TRUE(pipe.ended());
  EXPECT_EQ(internal::mailbox_waiting(), 0);
  queue.put({"text", Fd()});
  EXPECT_EQ(queue.get().text, "text");
}

TEST(FdLoss, AReceiverWithoutRoomForItGetsAnErrorAndItIsClosed) {
  Pipe2 pipe;
  Queue<Letter> queue;
  queue.put({"text", Fd::duplicate(pipe.write_end())});
  pipe.close_here();
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  rlimit none{0, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  absl::StatusOr<Letter> letter = queue.try_get();
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_FALSE(letter.ok());
  // Thrown away by whoever comes next and has room.
  Family::get().sweep_all();
  EXPECT_TRUE(pipe.ended());
  queue.put({"more", Fd()});
  EXPECT_EQ(queue.get().text, "more");
}

}  // namespace
}  // namespace mp
