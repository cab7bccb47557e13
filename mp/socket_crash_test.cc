// Who uses a connection over a socket, or makes one, is killed at its system calls and between them: what the other holders
// and the peer see is whole messages or an error, never a torn one, and nobody waits for ever. (Planted: without the mark that
// a message has begun, the survivor writes into the middle of it, and the peer reads nonsense.)

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/address.h"
#include "mp/bytes.h"
#include "mp/client.h"
#include "mp/connection.h"
#include "mp/errors.h"
#include "mp/internal/shm/family.h"
#include "mp/listener.h"
#include "mp/pipe.h"
#include "mp/testing/helper.h"
#include "mp/testing/proc.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"
#include "mp/wait.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Tracee;

const std::string kKey = "a key of more than 16 bytes";
const std::string kFirst(3000, '1');
const std::string kSecond(3000, '2');

// Steps over `calls` system calls at full speed; false when it came to its end before.
bool pass_calls(Tracee& tracee, int calls) {
  Tracee::At at = tracee.at();
  for (int i = 0; i < calls; ++i) {
    at = tracee.run();
    if (at != Tracee::At::kEntry) {
      return false;
    }
    // One that blocks is where it is to be killed.
    if (tracee.step() == Tracee::At::kAsleep) {
      return true;
    }
  }
  return at != Tracee::At::kEnd;
}

// Kills it on entry to its n-th system call, from 1. False when it came to its end before.
bool kill_in_call(testing::Traced& what, int n) {
  Tracee tracee(what);
  bool there = pass_calls(tracee, n - 1) && tracee.at() != Tracee::At::kAsleep &&
               tracee.run() == Tracee::At::kEntry;
  tracee.kill();
  return there;
}

// Kills it `instructions` behind its n-th system call, or before the next one. How many it did.
int kill_behind_call(testing::Traced& what, int call, int instructions) {
  Tracee tracee(what);
  int done = 0;
  if (pass_calls(tracee, call)) {
    while (done < instructions && tracee.at() == Tracee::At::kInstruction) {
      tracee.step();
      ++done;
    }
  }
  tracee.kill();
  return done;
}

// `once` makes a scene, lets what it is given kill the victim in it, and looks at what is left. Returns the number of kills.
template <class Once>
int at_all_points(const Once& once, int per_span) {
  int kills = 0;
  int calls = 0;
  bool there = true;
  while (there) {
    once([&](testing::Traced& victim) { there = kill_in_call(victim, calls + 1); });
    ++kills;
    if (there && ++calls == 100) {
      ADD_FAILURE() << "no end after " << calls << " system calls";
      break;
    }
  }
  for (int call = 0; call <= calls; ++call) {
    int length = 0;
    once([&](testing::Traced& victim) {
      length = kill_behind_call(victim, call, std::numeric_limits<int>::max());
    });
    for (int n = 1; n < length; n += length / per_span + 1) {
      once([&](testing::Traced& victim) { kill_behind_call(victim, call, n); });
      ++kills;
    }
  }
  return kills;
}

// What `receive` gets until there is an error, as "12 EOFError: ...": one letter per whole message.
std::string all_of(const Connection& connection, int most = 10) {
  std::string all;
  try {
    for (int i = 0; i < most; ++i) {
      Bytes message = connection.recv_bytes();
      std::string_view text = message.view();
      bool whole = text.size() == 3000 && text.find_first_not_of(text[0]) == text.npos;
      all += whole ? text[0] : '?';
    }
  } catch (const Error& e) {
    all += std::string(" ") + e.name() + ": " + e.what();
  }
  return all;
}

// A socket that was there before, one of mp's own, and one whose messages have tags.
enum class Kind { kAdopted, kPlain, kSealed };

struct Ends {
  std::optional<Connection> ours;
  std::optional<Connection> peer;
};

Ends connect_over(const char* family, std::optional<std::string> key) {
  Listener listener({.authkey = key, .family = family});
  Ends ends;
  std::thread client([&] { ends.peer = Client(listener.address(), {.authkey = key}); });
  ends.ours = listener.accept();
  client.join();
  return ends;
}

class SocketCrash : public ::testing::TestWithParam<Kind> {
 protected:
  static Ends connect() {
    if (GetParam() == Kind::kAdopted) {
      int pair[2];
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
      return {Connection(pair[0]), Connection(pair[1])};
    }
    return GetParam() == Kind::kSealed ? connect_over("AF_INET", kKey)
                                       : connect_over("AF_UNIX", std::nullopt);
  }

 private:
  testing::Watchdog dog_{500s};
};

constexpr const char* kNames[] = {"Adopted", "Plain", "Sealed"};
std::string name_of(const ::testing::TestParamInfo<Kind>& info) {
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(All, SocketCrash,
                         ::testing::Values(Kind::kAdopted, Kind::kPlain, Kind::kSealed), name_of);

class Send final : public testing::Traced {
 public:
  Send(Connection connection, std::string text)
      : connection_(std::move(connection)), text_(std::move(text)) {}
  void operate() override { connection_.send_bytes(text_); }

 private:
  Connection connection_;
  std::string text_;
};

class Receive final : public testing::Traced {
 public:
  explicit Receive(Connection connection) : connection_(std::move(connection)) {}
  void operate() override { connection_.recv_bytes(); }

 private:
  Connection connection_;
};

TEST_P(SocketCrash, OfASenderLeavesWholeMessagesOrAnError) {
  int broken = 0;
  int kills = at_all_points(
      [&](auto kill) {
        Ends ends = connect();
        Send victim(*ends.ours, kFirst);
        kill(victim);
        bool sent = true;
        try {
          ends.ours->send_bytes(kSecond);
        } catch (const OSError& e) {
          EXPECT_NE(std::string(e.what()).find("a process died in the middle of a message"),
                    std::string::npos)
              << e.what();
          sent = false;
          ++broken;
        }
        ends.ours->close();
        std::string got = all_of(*ends.peer);
        std::string messages = got.substr(0, got.find(' '));
        if (sent) {
          EXPECT_TRUE(messages == "2" || messages == "12") << got;
          EXPECT_NE(got.find("EOFError"), got.npos) << got;
        } else {
          EXPECT_TRUE(messages == "" || messages == "1") << got;
        }
      },
      15);
  std::printf("%d kills of a sender, %d broke the connection\n", kills, broken);
  EXPECT_GT(broken, 0);
}

// The message is larger than what the system keeps: the sender dies with its first half on the way, and the others learn
// of it without sending anything.
TEST_P(SocketCrash, InTheMiddleOfALargeMessageIsSeenByAll) {
  Ends ends = connect();
  Send victim(*ends.ours, std::string(40 << 20, 'x'));
  {
    Tracee tracee(victim);
    Tracee::At at = tracee.at();
    while (at != Tracee::At::kAsleep && at != Tracee::At::kEnd) {
      at = tracee.run();
      if (at == Tracee::At::kEntry) {
        at = tracee.step();
      }
    }
    ASSERT_EQ(at, Tracee::At::kAsleep);
    tracee.kill();
  }
  std::thread survivor([&] {
    std::string got = all_of(*ends.ours);
    EXPECT_NE(got.find("a process died in the middle of a message"), got.npos) << got;
  });
  EXPECT_EQ(all_of(*ends.peer), " OSError: got end of file during message");
  survivor.join();
}

// Nor does who waits for the peer's answer by descriptor, while the peer waits for the rest of the message.
TEST_P(SocketCrash, InTheMiddleOfALargeMessageEndsWaitsForOthers) {
  Ends ends = connect();
  Send victim(*ends.ours, std::string(40 << 20, 'x'));
  {
    Tracee tracee(victim);
    Tracee::At at = tracee.at();
    while (at != Tracee::At::kAsleep && at != Tracee::At::kEnd) {
      at = tracee.run();
      if (at == Tracee::At::kEntry) {
        at = tracee.step();
      }
    }
    ASSERT_EQ(at, Tracee::At::kAsleep);
    tracee.kill();
  }
  auto [in, out] = Pipe();
  EXPECT_EQ(wait({*ends.ours, in}), std::vector<Waitable>{*ends.ours});
  std::string got = all_of(*ends.ours);
  EXPECT_NE(got.find("a process died in the middle of a message"), got.npos) << got;
  EXPECT_EQ(all_of(*ends.peer), " OSError: got end of file during message");
}

TEST_P(SocketCrash, OfAReceiverLeavesWholeMessagesOrAnError) {
  int broken = 0;
  int kills = at_all_points(
      [&](auto kill) {
        Ends ends = connect();
        ends.peer->send_bytes(kFirst);
        ends.peer->send_bytes(kSecond);
        Receive victim(*ends.ours);
        kill(victim);
        ends.peer->close();
        std::string got = all_of(*ends.ours);
        std::string messages = got.substr(0, got.find(' '));
        if (got.find("EOFError") != got.npos) {
          EXPECT_TRUE(messages == "12" || messages == "2") << got;
        } else {
          EXPECT_EQ(messages, "") << got;
          EXPECT_NE(got.find("a process died in the middle of a message"), got.npos) << got;
          ++broken;
        }
      },
      15);
  std::printf("%d kills of a receiver, %d broke the connection\n", kills, broken);
  EXPECT_GT(broken, 0);
}

// Who only waits has begun nothing.
TEST_P(SocketCrash, OfOneWhoWaitsForAMessageHasNoEffect) {
  Ends ends = connect();
  Receive victim(*ends.ours);
  {
    Tracee tracee(victim);
    Tracee::At at = tracee.at();
    while (at != Tracee::At::kAsleep && at != Tracee::At::kEnd) {
      at = tracee.run();
      if (at == Tracee::At::kEntry) {
        at = tracee.step();
      }
    }
    ASSERT_EQ(at, Tracee::At::kAsleep);
    tracee.kill();
  }
  ends.peer->send_bytes(kFirst);
  ends.ours->send_bytes(kSecond);
  EXPECT_EQ(all_of(*ends.ours, 1), "1");
  EXPECT_EQ(all_of(*ends.peer, 1), "2");
}

// Says what it has received.
class Told final : public testing::Traced {
 public:
  Told(Connection connection, Connection tell)
      : connection_(std::move(connection)), tell_(std::move(tell)) {}
  void operate() override {
    try {
      tell_.send_bytes(connection_.recv_bytes().view());
    } catch (const Error& e) {
      tell_.send_bytes(std::string(e.name()) + ": " + e.what());
    }
  }

 private:
  Connection connection_;
  Connection tell_;
};

// It has just been woken by a message, which another is quicker to take: it sleeps on, without a lock. (Planted: who was woken
// takes it that there is a message.)
TEST_P(SocketCrash, AMessageThatAnotherHasTakenIsWaitedForAgain) {
  Ends ends = connect();
  auto [hear, tell] = Pipe();
  Told receiver(*ends.ours, tell);
  Tracee tracee(receiver);
  Tracee::At at = tracee.at();
  while (at != Tracee::At::kEnd && !(at == Tracee::At::kEntry && tracee.call() == SYS_ppoll)) {
    at = at == Tracee::At::kEntry ? tracee.step() : tracee.run();
  }
  ASSERT_EQ(at, Tracee::At::kEntry);
  ends.peer->send_bytes(kFirst);
  ASSERT_EQ(tracee.step(), Tracee::At::kInstruction);
  EXPECT_EQ(all_of(*ends.ours, 1), "1");
  testing::Helper helper = tracee.release("receiver");
  ASSERT_TRUE(testing::await_blocked_in(helper.pid(), SYS_ppoll));
  const std::string second(5000, '2');
  ends.peer->send_bytes(second);
  EXPECT_EQ(hear.recv_bytes().view(), second);
}

class Accept final : public testing::Traced {
 public:
  explicit Accept(Listener& listener) : listener_(listener) {}
  void operate() override { accepted_ = listener_.try_accept(5).ok(); }

 private:
  Listener& listener_;
  bool accepted_ = false;
};

class ListenerCrash : public ::testing::TestWithParam<const char*> {
  testing::Watchdog dog_{500s};
};
INSTANTIATE_TEST_SUITE_P(All, ListenerCrash, ::testing::Values("AF_UNIX", "AF_INET"),
                         [](const auto& info) { return std::string(info.param); });

class Connect final : public testing::Traced {
 public:
  explicit Connect(Address address) : address_(std::move(address)) {}
  void operate() override { Client(address_, {.authkey = kKey}); }

 private:
  Address address_;
};

// The client that is being served learns of it, and the next one is served by another.
TEST_P(ListenerCrash, OfAListenerEndsItsHandshakes) {
  int kills = at_all_points(
      [&](auto kill) {
        Listener listener({.authkey = kKey, .family = GetParam()});
        std::thread client([&] {
          try {
            Client(listener.address(), {.authkey = kKey}).recv_bytes();
            ADD_FAILURE() << "a message from nobody";
          } catch (const Error&) {
            // That it ends is what is asked for.
          }
        });
        Accept victim(listener);
        kill(victim);
        // One that was in the queue still: it gets its answer from here.
        if (auto connection = listener.try_accept(0.02); connection.ok()) {
          connection->close();
        }
        listener.close();
        client.join();
      },
      3);
  std::printf("%d kills of a listener\n", kills);
}

// The listener goes on, and serves the next.
TEST_P(ListenerCrash, OfAClientConcernsNobodyElse) {
  int kills = at_all_points(
      [&](auto kill) {
        Listener listener({.authkey = kKey, .family = GetParam()});
        std::atomic<bool> stop{false};
        std::thread server([&] {
          while (!stop) {
            if (auto connection = listener.try_accept(0.01); connection.ok()) {
              try {
                connection->send_bytes(kFirst);
              } catch (const OSError&) {
                // The victim's.
              }
            }
          }
        });
        Connect victim(listener.address());
        kill(victim);
        EXPECT_EQ(all_of(Client(listener.address(), {.authkey = kKey}), 1), "1");
        stop = true;
        server.join();
      },
      3);
  std::printf("%d kills of a client\n", kills);
}

}  // namespace
}  // namespace mp
