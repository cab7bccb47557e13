// Peers of python::Listener that mean harm, or are broken: none of them blocks accept(), costs more than its share or gets in.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "mp/address.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/python/client.h"
#include "mp/python/connection.h"
#include "mp/python/listener.h"
#include "mp/testing/fixture.h"
#include "mp/testing/raw_peer.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using testing::connect_raw;
using testing::error_of;
using testing::listen_raw;
using testing::read_raw;
using testing::send_raw;
using namespace std::string_literals;

constexpr size_t kAll = 1 << 20;

std::string frame(std::string_view message) {
  std::string out = "\0\0\0\0"s;
  out[2] = static_cast<char>(message.size() >> 8);
  out[3] = static_cast<char>(message.size());
  return out + std::string(message);
}

constexpr size_t kOurChallenge = 4 + 11 + 8 + 40;
const std::string kFailure = frame("#FAILURE#");
const std::string kTheirChallenge = frame("#CHALLENGE#{sha256}" + std::string(40, 'c'));

class PythonHostile : public testing::Fixture {
 protected:
  // Runs accept() until told not to; sends "hello" to those who got in, and counts them.
  class Serving {
   public:
    explicit Serving(python::Listener& listener)
        : thread_([this, &listener] {
            while (!stop_) {
              auto connection = listener.try_accept(5ms);
              if (connection.ok()) {
                ++accepted_;
                connection->send_bytes("hello");
              }
            }
          }) {}
    ~Serving() {
      stop_ = true;
      thread_.join();
    }
    int accepted() const { return accepted_; }

   private:
    std::atomic<bool> stop_{false};
    std::atomic<int> accepted_{0};
    std::thread thread_;
  };
  static void expect_served(const python::Listener& listener) {
    python::Connection honest = python::Client(listener.address(), {.authkey = "secret"});
    EXPECT_EQ(honest.recv_bytes().view(), "hello");
  }
  // What the listener says to who answers its challenge with this.
  static std::string reaction(const python::Listener& listener, std::string_view answer) {
    Fd peer = connect_raw(listener.address());
    EXPECT_EQ(read_raw(peer, kOurChallenge).size(), kOurChallenge);
    send_raw(peer, answer);
    return read_raw(peer, kAll);
  }
  // A listener that says this and then waits for the end: what a client of ours makes of it.
  static std::string judgement(std::string says, python::ClientOptions options) {
    Address address;
    Fd front = listen_raw(&address);
    std::thread rogue([&] {
      Fd client(accept4(front.get(), nullptr, nullptr, SOCK_CLOEXEC));
      send_raw(client, says);
      shutdown(client.get(), SHUT_WR);
      read_raw(client, kAll);
    });
    std::string error = error_of([&] { python::Client(address, options); });
    rogue.join();
    return error;
  }

 private:
  testing::Watchdog dog_{120s};
};

// The handshake up to here is honest: who answers is a client of ours, whose bytes are passed on.
class Relayed {
 public:
  Relayed(const Address& server, std::optional<size_t> cut) {
    Address address;
    Fd front = listen_raw(&address);
    std::thread client([&] {
      error_ = error_of([&] { python::Client(address, {.authkey = "secret"}).recv_bytes(); });
    });
    Fd to_client(accept4(front.get(), nullptr, nullptr, SOCK_CLOEXEC));
    server_ = connect_raw(server);
    // Who speaks, how much of it.
    constexpr std::pair<bool, size_t> kTurns[] = {{false, kOurChallenge}, {true, 4 + 8 + 32},
                                                  {false, 4 + 9},         {true, kOurChallenge},
                                                  {false, 4 + 8 + 32},    {true, 4 + 9}};
    size_t sent = 0;
    for (auto [from_client, count] : kTurns) {
      if (from_client) {
        std::string text = read_raw(to_client, count);
        EXPECT_EQ(text.size(), count);
        if (cut.has_value() && sent + count > *cut) {
          send_raw(server_, text.substr(0, *cut - sent));
          break;
        }
        // A byte at a time.
        for (char c : text) {
          send_raw(server_, {&c, 1});
        }
        sent += count;
      } else {
        std::string text = read_raw(server_, count);
        EXPECT_EQ(text.size(), count);
        send_raw(to_client, text);
      }
    }
    if (!cut.has_value()) {
      send_raw(to_client, read_raw(server_, 4 + 5));
    }
    shutdown(to_client.get(), SHUT_RDWR);
    client.join();
  }
  static constexpr size_t kClientSays = 4 + 8 + 32 + kOurChallenge + 4 + 9;
  const std::string& error() const { return error_; }
  Fd take() { return std::move(server_); }

 private:
  Fd server_;
  std::string error_;
};

TEST_F(PythonHostile, AClientWithTheKeyThatStopsAtAnyByteDelaysNobody) {
  for (const char* family : {"AF_INET", "AF_UNIX"}) {
    python::Listener listener({.authkey = "secret", .family = family});
    Serving serving(listener);
    std::vector<Fd> silent;
    int honest = 0;
    for (size_t cut = 0; cut < Relayed::kClientSays; ++cut) {
      Fd peer = Relayed(listener.address(), cut).take();
      if (cut % 2 == 0) {
        silent.push_back(std::move(peer));
      }
      if (cut % 16 == 0) {
        expect_served(listener);
        ++honest;
      }
    }
    EXPECT_EQ(serving.accepted(), honest);
  }
}

TEST_F(PythonHostile, AHandshakeOfSingleBytesSucceeds) {
  python::Listener listener({.authkey = "secret", .family = "AF_INET"});
  Serving serving(listener);
  EXPECT_EQ(Relayed(listener.address(), std::nullopt).error(), "nothing was thrown");
  EXPECT_EQ(serving.accepted(), 1);
}

TEST_F(PythonHostile, GarbageGetsNobodyIn) {
  python::Listener listener({.authkey = "secret", .md5 = true, .family = "AF_INET"});
  Serving serving(listener);
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(300, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 2 == 0) bytes = frame(bytes.substr(0, random() % 257));
    std::string said = reaction(listener, bytes);
    EXPECT_TRUE(said.empty() || said == kFailure);
  }
  EXPECT_EQ(reaction(listener, "GET / HTTP/1.1\r\n\r\n"), "");
  expect_served(listener);
  EXPECT_EQ(serving.accepted(), 1);
}

TEST_F(PythonHostile, MessagesOver256BytesEndTheHandshake) {
  python::Listener listener({.authkey = "secret"});
  Serving serving(listener);
  for (std::string head : {"\0\0\1\1"s, "\x7f\xff\xff\xff"s, "\x80\0\0\0"s,
                           "\xff\xff\xff\xff\0\0\0\0\0\0\1\1"s, std::string(12, '\xff')}) {
    EXPECT_EQ(reaction(listener, head), "");
    EXPECT_EQ(judgement(head, {.authkey = "secret"}), "AuthenticationError: bad message length");
  }
  EXPECT_EQ(serving.accepted(), 0);
}

TEST_F(PythonHostile, UnknownDigestsAndMd5AreRejected) {
  python::Listener listener({.authkey = "secret"});
  Serving serving(listener);
  for (std::string answer :
       {std::string(16, 'a'), std::string(20, 'a'), "{md5}" + std::string(16, 'a'),
        "{sha1}" + std::string(20, 'a'), "{sha256}" + std::string(31, 'a'),
        "{sha256}" + std::string(32, 'a'), ""s, "#WELCOME#"s}) {
    EXPECT_EQ(reaction(listener, frame(answer)), kFailure) << answer;
  }
  EXPECT_EQ(serving.accepted(), 0);
  python::ClientOptions options{.authkey = "secret"};
  EXPECT_EQ(judgement(frame("#CHALLENGE#" + std::string(20, 'c')), options).substr(0, 42),
            "AuthenticationError: the peer uses HMAC-MD");
  EXPECT_EQ(judgement(frame("#CHALLENGE#{md5}" + std::string(40, 'c')), options).substr(0, 42),
            "AuthenticationError: the peer uses HMAC-MD");
  EXPECT_EQ(
      judgement(frame("#CHALLENGE#{sha1}xxxxxxxxxxxxxxxxxxxx"), options),
      "AuthenticationError: unsupported message length, missing digest prefix, or unsupported "
      "digest: message=b'{sha1}xxxxxxxxxxxxxxxxxxxx'");
}

TEST_F(PythonHostile, AListenerThatStopsAtAnyByteIsLeft) {
  python::ClientOptions options{.authkey = "secret"};
  for (size_t cut = 0; cut <= kTheirChallenge.size(); ++cut) {
    EXPECT_EQ(judgement(kTheirChallenge.substr(0, cut), options),
              "EOFError: mp: Client: the listener ended the handshake; has it the same authkey?");
  }
  EXPECT_EQ(judgement(kTheirChallenge + frame("#FAILURE#"), options),
            "AuthenticationError: digest sent was rejected");
  // It welcomes us without having seen that it is us, and cannot answer.
  EXPECT_EQ(
      judgement(kTheirChallenge + frame("#WELCOME#") + frame("{sha256}" + std::string(32, 'x')),
                options),
      "AuthenticationError: digest received was wrong");
}

TEST_F(PythonHostile, ASilentListenerCostsTheTimeoutOnly) {
  python::Listener silent;
  python::ClientOptions options{.authkey = "secret", .timeout = 0.05};
  EXPECT_EQ(error_of([&] { python::Client(silent.address(), options); }),
            "TimeoutError: mp: Client: the listener has not answered in time");
}

TEST_F(PythonHostile, SilentAndSlowPeersDelayNobodyAndGo) {
  python::Listener listener({.authkey = "secret", .family = "AF_INET", .handshake_timeout = 0.3});
  Serving serving(listener);
  std::vector<Fd> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(connect_raw(listener.address()));
    if (i % 2 == 0) send_raw(silent.back(), "\0"s);
    if (i % 100 == 0) expect_served(listener);
  }
  expect_served(listener);
  // All of them are hung up on.
  for (const Fd& fd : silent) {
    EXPECT_LE(read_raw(fd, kAll).size(), kOurChallenge);
  }
  EXPECT_EQ(serving.accepted(), 4);
}

// Virtual memory of this process.
size_t memory() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

TEST_F(PythonHostile, AHugeLengthAfterTheHandshakeIsRefusedBeforeMemoryIsTaken) {
  for (std::string head : {"\x7f\xff\xff\xff"s, "\x04\0\0\1"s, "\xff\xff\xff\xfe"s,
                           "\xff\xff\xff\xff\x40\0\0\0\0\0\0\0"s, std::string(12, '\xff')}) {
    python::Listener listener;
    Fd peer = connect_raw(listener.address());
    python::Connection conn = listener.accept();
    send_raw(peer, head + "some bytes");
    size_t before = memory();
    EXPECT_EQ(error_of([&] { conn.recv_bytes(); }), "OSError: bad message length");
    EXPECT_LT(memory(), before + (16u << 20));
    // Where the next message begins is not known.
    EXPECT_EQ(error_of([&] { conn.recv_bytes(); }).substr(0, 7), "OSError");
  }
}

TEST_F(PythonHostile, AMessageThatIsCutIsAnErrorAndTheEndBetweenTwoIsTheEnd) {
  std::string stream = frame("hello");
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    python::Listener listener;
    Fd peer = connect_raw(listener.address());
    python::Connection conn = listener.accept();
    send_raw(peer, stream.substr(0, cut));
    shutdown(peer.get(), SHUT_RDWR);
    if (cut == stream.size()) {
      EXPECT_EQ(conn.recv_bytes().view(), "hello");
    }
    EXPECT_EQ(error_of([&] { conn.recv_bytes(); }).substr(0, 39),
              cut % stream.size() == 0 ? "EOFError: the other end of the connecti"
                                       : "OSError: got end of file during message")
        << cut;
  }
}

}  // namespace
}  // namespace mp
