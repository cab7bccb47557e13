// Peers that mean harm, or are broken: none of them blocks accept(), costs more than its share or gets in.

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mp/address.h"
#include "mp/bytes.h"
#include "mp/client.h"
#include "mp/codec.h"
#include "mp/connection.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/function.h"
#include "mp/internal/base/sanitizer.h"
#include "mp/internal/net/framing.h"
#include "mp/interruptible.h"
#include "mp/listener.h"
#include "mp/lock.h"
#include "mp/logging.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
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

const std::string kKey = "a key of more than 16 bytes";

class Hostile : public testing::Fixture {
 protected:
  static ListenerOptions with_key(const char* family = "AF_INET") {
    return {.authkey = kKey, .family = family};
  }
  // Runs accept() until told not to; counts who got in.
  class Serving {
   public:
    explicit Serving(Listener& listener)
        : thread_([this, &listener] {
            while (!stop_) {
              auto connection = listener.try_accept(5ms);
              if (connection.ok()) {
                ++accepted_;
                connection->send(1);
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
  static void expect_served(const Listener& listener) {
    Connection honest = Client(listener.address(), {.authkey = kKey});
    EXPECT_EQ(honest.recv<int>(), 1);
  }

 private:
  testing::Watchdog dog_{120s};
};

// What an honest client says in a handshake with this listener, 72 bytes in two messages.
struct Recording {
  std::string hello;
  std::string proof;
};

// Passes all between a client and a listener, in pieces of `piece` bytes, and keeps what the client says.
Recording record_handshake(Listener& listener, size_t piece = 1000) {
  auto pass = [piece](const Fd& to, std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      send_raw(to, bytes.substr(0, piece));
    }
  };
  Recording r;
  Address address;
  Fd front = listen_raw(&address);
  std::thread client([&] { Client(address, {.authkey = kKey}).recv<int>(); });
  Fd to_client(accept4(front.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Fd to_server = connect_raw(listener.address());
  for (const Fd* fd : {&to_client, &to_server}) {
    // Or the system puts the pieces together again.
    int on = 1;
    EXPECT_EQ(setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  }
  r.hello = read_raw(to_client, 40);
  pass(to_server, r.hello);
  pass(to_client, read_raw(to_server, 72));
  r.proof = read_raw(to_client, 32);
  pass(to_server, r.proof);
  pass(to_client, read_raw(to_server, 4 + 48 + 48 + 32));
  shutdown(to_client.get(), SHUT_RDWR);
  client.join();
  return r;
}

TEST_F(Hostile, AClientThatStopsAtAnyByteDelaysNobody) {
  for (const char* family : {"AF_INET", "AF_UNIX"}) {
    Listener listener(with_key(family));
    Serving serving(listener);
    std::string hello = std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n');
    std::vector<Fd> silent;
    for (size_t cut = 0; cut <= 72; ++cut) {
      // One closes there, the other stays and is silent.
      for (bool stays : {false, true}) {
        Fd peer = connect_raw(listener.address());
        send_raw(peer, hello.substr(0, std::min<size_t>(cut, 40)));
        if (cut >= 40) {
          EXPECT_EQ(read_raw(peer, 72).size(), 72u);
          send_raw(peer, std::string(cut - 40, 'x'));
        }
        if (stays && cut < 72) {
          silent.push_back(std::move(peer));
        }
      }
      if (cut % 8 == 0) {
        expect_served(listener);
      }
    }
    EXPECT_EQ(serving.accepted(), 10) << "only the honest ones";
  }
}

TEST_F(Hostile, AHandshakeOfSingleBytesSucceeds) {
  // An honest client is one who is slow but knows the key: through a proxy that passes single bytes.
  Listener listener(with_key());
  Serving serving(listener);
  Recording r = record_handshake(listener, 1);
  EXPECT_EQ(r.hello.size(), 40u);
  EXPECT_EQ(r.proof.size(), 32u);
  EXPECT_EQ(serving.accepted(), 1);
}

TEST_F(Hostile, GarbageAtAnyByteGetsNobodyIn) {
  Listener listener(with_key());
  Serving serving(listener);
  std::mt19937 random(1);
  std::string hello = std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n');
  for (size_t at = 0; at < 40; ++at) {
    Fd peer = connect_raw(listener.address());
    std::string bytes = hello.substr(0, at);
    while (bytes.size() < 300) {
      bytes.push_back(static_cast<char>(random()));
    }
    send_raw(peer, bytes);
    // It hangs up, having said no more than it says to everybody.
    EXPECT_LE(read_raw(peer, 1000).size(), 72u) << at;
  }
  expect_served(listener);
  EXPECT_EQ(serving.accepted(), 1);
}

TEST_F(Hostile, AReplayedHandshakeGetsNobodyIn) {
  Listener listener(with_key());
  Serving serving(listener);
  Recording r = record_handshake(listener);
  for (int i = 0; i < 200; ++i) {
    Fd peer = connect_raw(listener.address());
    send_raw(peer, r.hello);
    EXPECT_EQ(read_raw(peer, 72).size(), 72u);
    send_raw(peer, r.proof);
    EXPECT_EQ(read_raw(peer, 1).size(), 0u);
  }
  EXPECT_EQ(serving.accepted(), 1);
}

TEST_F(Hostile, AParallelSessionProvesNothing) {
  Listener listener(with_key());
  Serving serving(listener);
  Fd first = connect_raw(listener.address());
  send_raw(first, std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n'));
  std::string challenge = read_raw(first, 72);
  ASSERT_EQ(challenge.size(), 72u);
  Fd second = connect_raw(listener.address());
  send_raw(second, challenge.substr(0, 40));
  std::string answer = read_raw(second, 72);
  ASSERT_EQ(answer.size(), 72u);
  send_raw(first, answer.substr(40));
  EXPECT_EQ(read_raw(first, 1).size(), 0u);
  send_raw(second, challenge.substr(40));
  EXPECT_EQ(read_raw(second, 1).size(), 0u);
  EXPECT_EQ(serving.accepted(), 0);
}

TEST_F(Hostile, AListenerThatProvesNothingHearsNoMore) {
  Address address;
  Fd front = listen_raw(&address);
  const std::string answer = std::string("MPH1\1\0\0\0", 8) + std::string(64, 'n');
  for (size_t cut = 0; cut <= answer.size(); ++cut) {
    std::string error;
    std::thread client([&] { error = error_of([&] { Client(address, {.authkey = kKey}); }); });
    Fd peer(accept4(front.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_EQ(read_raw(peer, 40).size(), 40u);
    send_raw(peer, answer.substr(0, cut));
    shutdown(peer.get(), SHUT_WR);
    EXPECT_EQ(read_raw(peer, 1).size(), 0u) << cut;
    client.join();
    EXPECT_EQ(error.substr(0, error.find(':')),
              cut < answer.size() ? "EOFError" : "AuthenticationError")
        << cut;
  }
  EXPECT_EQ(error_of([&] {
              Client(address, {.authkey = kKey, .timeout = 0.05});
            }).rfind("TimeoutError:", 0),
            0u)
      << "nobody answers";
}

// One who passes a handshake on, and then changes what follows.
class Relay {
 public:
  // `change` gets each piece that goes to the server after the handshake.
  Relay(const Address& server, std::function<std::string(std::string)> change)
      : server_(server), change_(std::move(change)) {
    front_ = listen_raw(&address_);
    thread_ = std::thread([this] { run(); });
  }
  ~Relay() { thread_.join(); }
  const Address& address() const { return address_; }

 private:
  void run() {
    Fd client(accept4(front_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    Fd server = connect_raw(server_);
    send_raw(server, read_raw(client, 40));
    send_raw(client, read_raw(server, 72));
    send_raw(server, read_raw(client, 32));
    // All that the client says, then the end.
    std::string all;
    for (;;) {
      char piece[4096];
      ssize_t n = recv(client.get(), piece, sizeof piece, 0);
      if (n <= 0) {
        break;
      }
      all.append(piece, static_cast<size_t>(n));
    }
    send_raw(server, change_(all));
    shutdown(server.get(), SHUT_WR);
    read_raw(server, 1 << 20);
  }
  Address server_;
  std::function<std::string(std::string)> change_;
  Fd front_;
  Address address_;
  std::thread thread_;
};

TEST_F(Hostile, WhoPassesAHandshakeOnCannotSpeakAfterwards) {
  Listener listener(with_key());
  // Three messages of equal length, as the relay gets them.
  auto received = [&](std::function<std::string(std::string)> change) {
    Relay relay(listener.address(), std::move(change));
    std::thread client([&] {
      Connection c = Client(relay.address(), {.authkey = kKey});
      for (const char* text : {"one", "two", "six"}) {
        c.send_bytes(text);
      }
    });
    Connection server = listener.accept();
    client.join();
    std::string all;
    try {
      for (;;) {
        all += std::string(server.recv_bytes().view()) + " ";
      }
    } catch (const Error& e) {
      all += e.name();
    }
    return all;
  };
  size_t frame = 0;
  EXPECT_EQ(received([&](std::string s) {
              frame = s.size() / 3;
              return s;
            }),
            "one two six EOFError");
  ASSERT_NE(frame, 0u);
  EXPECT_EQ(received([&](std::string s) {
              s[frame + frame / 2] = static_cast<char>(s[frame + frame / 2] ^ 1);
              return s;
            }),
            "one AuthenticationError");
  EXPECT_EQ(received([&](std::string s) { return s.substr(0, frame) + s.substr(2 * frame); }),
            "one AuthenticationError")
      << "left out";
  EXPECT_EQ(received([&](std::string s) { return s.substr(0, frame) + s; }),
            "one AuthenticationError")
      << "repeated";
  EXPECT_EQ(received([&](std::string s) {
              return s.substr(frame, frame) + s.substr(0, frame) + s.substr(2 * frame);
            }),
            "AuthenticationError")
      << "in another order";
  EXPECT_EQ(received([&](std::string s) { return s.substr(0, frame + 7); }), "one OSError")
      << "cut";
  EXPECT_EQ(received([&](std::string s) { return s.substr(0, 2 * frame); }), "one two EOFError");
}

TEST_F(Hostile, SilentPeersAreNeverMoreThanAHundred) {
  Listener listener(with_key());
  Serving serving(listener);
  std::vector<Fd> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(connect_raw(listener.address()));
  }
  expect_served(listener);
  // The oldest had to go; the youngest are still there.
  EXPECT_EQ(read_raw(silent.front(), 1).size(), 0u);
  pollfd youngest = {silent.back().get(), POLLIN, 0};
  EXPECT_EQ(poll(&youngest, 1, 0), 0);
}

TEST_F(Hostile, APeerHasItsTimeAndNoMore) {
  ListenerOptions options = with_key();
  options.handshake_timeout = 0.2;
  Listener listener(options);
  Serving serving(listener);
  Fd silent = connect_raw(listener.address());
  // A byte now and then is no excuse.
  Fd slow = connect_raw(listener.address());
  std::thread trickle([&] {
    for (char c : std::string("MPH1\1\0\0\0nnnnnnnnnnnnnnnnnnnnnnnnnnnn")) {
      send_raw(slow, std::string(1, c));
      pollfd p = {slow.get(), POLLIN, 0};
      if (poll(&p, 1, 20) > 0) {
        break;
      }
    }
    EXPECT_EQ(read_raw(slow, 1).size(), 0u);
  });
  EXPECT_EQ(read_raw(silent, 1).size(), 0u);
  trickle.join();
  expect_served(listener);
}

// VmSize and VmRSS of this process, in bytes.
std::pair<size_t, size_t> memory() {
  std::ifstream file("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  file >> size >> resident;
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return {size * page, resident * page};
}

TEST_F(Hostile, LengthsCostNothingBeforeTheBytesCome) {
  Listener listener({.max_frame = ~uint64_t{0} >> 16, .family = "AF_UNIX"});
  // What is made once is made.
  {
    Fd warm = connect_raw(listener.address());
    Connection c = listener.accept();
    send_raw(warm, "12345");
    warm.reset();
    error_of([&] { c.recv_bytes(); });
  }
  for (int k = 4; k <= 32; ++k) {
    for (int64_t delta : {-1, 0, 1}) {
      uint64_t length = (uint64_t{1} << k) + static_cast<uint64_t>(delta);
      if (length > 0xffffffff) {
        continue;
      }
      Fd peer = connect_raw(listener.address());
      Connection c = listener.accept();
      auto [size, resident] = memory();
      send_raw(peer, std::string(reinterpret_cast<char*>(&length), 4) + "12345678");
      peer.reset();
      // No frame is much over 1 GiB.
      EXPECT_EQ(error_of([&] { c.recv_bytes(); }), length < uint64_t{3} << 29
                                                       ? "OSError: got end of file during message"
                                                       : "OSError: bad message length");
      auto [size_after, resident_after] = memory();
      EXPECT_LE(size_after, size + (1 << 20)) << length;
      EXPECT_LE(resident_after, resident + (1 << 20)) << length;
    }
  }
}

// Who announces 60 MiB and sends them costs the receiver a MemoryError, if it has not that much, and its connection.
TEST_F(Hostile, AMessageThatIsTooMuchForThisProcessIsAnError) {
  if (internal::kAddressSanitizer || internal::kThreadSanitizer) {
    GTEST_SKIP() << "its address space is no measure";
  }
  Listener listener({.family = "AF_UNIX"});
  std::optional<Connection> peer;
  std::thread client([&] { peer = Client(listener.address()); });
  Connection c = listener.accept();
  client.join();
  const std::string message(60 << 20, 'x');
  std::string sent;
  std::thread sender([&] { sent = error_of([&] { peer->send_bytes(message); }); });
  ASSERT_TRUE(c.poll(kForever));
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &limit), 0);
  const rlimit low = {memory().first + (16 << 20), limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &low), 0);
  const std::string got = error_of([&] { c.recv_bytes(); });
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  sender.join();
  EXPECT_EQ(got, "MemoryError: mp: Connection: no memory for a message of that size");
  EXPECT_EQ(error_of([&] { c.recv_bytes(); }),
            "OSError: mp: the connection is broken: there was no memory for a message");
  EXPECT_EQ(sent.rfind("BrokenPipeError", 0), 0u) << sent;
}

size_t open_descriptors() {
  size_t n = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  return n;
}

// How many messages with descriptors a peer sends.
constexpr int kBombs = internal::kAddressSanitizer || internal::kThreadSanitizer ? 3'000 : 100'000;

// As many copies of one descriptor as a message takes.
struct Attached {
  static constexpr int kMany = 253;
  alignas(cmsghdr) char bytes[CMSG_SPACE(kMany * sizeof(int))] = {};
};
void attach(msghdr& message, Attached& control, int number) {
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(Attached::kMany * sizeof(int));
  for (int i = 0; i < Attached::kMany; ++i) {
    std::memcpy(CMSG_DATA(header) + i * sizeof(int), &number, sizeof number);
  }
}

TEST_F(Hostile, DescriptorsThatAPeerAttachesGoNowhere) {
  Listener listener({.family = "AF_UNIX"});
  Fd peer = connect_raw(listener.address());
  Connection c = listener.accept();
  const size_t before = open_descriptors();
  Attached control;
  int sent = 0;
  for (int i = 0; i < kBombs; ++i) {
    char byte = 0;
    iovec part = {&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    attach(message, control, peer.get());
    sent += sendmsg(peer.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 1 : 0;
  }
  EXPECT_EQ(open_descriptors(), before);
  // Where the kernel lets nobody attach any, nothing was sent.
  if (sent > 0) {
    EXPECT_TRUE(c.poll(kForever));
  }
  peer.reset();
  error_of([&] { c.recv_bytes(); });
  EXPECT_EQ(open_descriptors(), before - 1);
}

// A socket that mp has not made, so nothing keeps the peer from attaching them: a message comes all the same, without them.
TEST_F(Hostile, DescriptorsOnASocketThatWasThereBeforeGoNowhere) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  Fd peer(pair[0]);
  Connection c(pair[1]);
  Encoder& encoder = Encoder::local();
  internal::encode_message(encoder, 7);
  const internal::Framing::Head head =
      internal::Framing::of(internal::Framing::Id::kMp)
          .head(internal::Content::kValue, encoder.message().size());
  std::string frame(reinterpret_cast<const char*>(head.span().data()), head.size);
  frame.append(reinterpret_cast<const char*>(encoder.message().data()), encoder.message().size());
  const size_t before = open_descriptors();
  Attached control;
  // With the length, in the middle, and with the last byte.
  const std::string pieces[] = {frame.substr(0, 2), frame.substr(2, 9), frame.substr(11)};
  for (int sent = 0; sent < kBombs; sent += static_cast<int>(std::size(pieces))) {
    for (const std::string& piece : pieces) {
      iovec part = {const_cast<char*>(piece.data()), piece.size()};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      attach(message, control, peer.get());
      ASSERT_EQ(sendmsg(peer.get(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(piece.size()));
    }
    ASSERT_EQ(c.recv<int>(), 7);
  }
  EXPECT_EQ(open_descriptors(), before);
}

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

TEST_F(Hostile, WithoutDescriptorsItWaitsAndThenGoesOn) {
  Listener listener(with_key("AF_UNIX"));
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  Fd peer = connect_raw(listener.address());
  std::vector<Fd> all;
  rlimit low = {256, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (;;) {
    Fd fd(fcntl(0, F_DUPFD_CLOEXEC, 0));
    if (!fd.valid()) {
      break;
    }
    all.push_back(std::move(fd));
  }
  std::vector<std::string> log;
  get_logger().set_level("DEBUG");
  get_logger().add_handler([&](const LogRecord& r) { log.emplace_back(r.message); });
  double cpu = cpu_seconds();
  const absl::Status in_vain = listener.try_accept(1s).status();
  double used = cpu_seconds() - cpu;
  EXPECT_EQ(in_vain.message(),
            "mp: Listener.accept: nobody has connected in time; there are no descriptors left: who "
            "connects has to wait");
  EXPECT_EQ(listener.try_accept(0).status(), in_vain) << "it does not look again so soon";
  get_logger().remove_handlers();
  get_logger().set_level(0);
  EXPECT_FALSE(log.empty());
  for (const std::string& said : log) {
    EXPECT_EQ(said, "mp: Listener: there are no descriptors left: who connects has to wait");
  }
  std::printf("CPU time of a second without descriptors: %.2f ms\n", 1e3 * used);
  EXPECT_LT(used, 0.25) << "it does not sleep";
  all.clear();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  Serving serving(listener);
  expect_served(listener);
  send_raw(peer, std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n'));
  EXPECT_EQ(read_raw(peer, 72).size(), 72u) << "nobody has sent it away";
}

// As one ends a thread that accepts. (Planted: it looks again and again, and never returns.)
TEST_F(Hostile, AListenerWhoseSocketIsShutDownSaysSo) {
  for (auto [family, how] : {std::pair("AF_INET", SHUT_RDWR), std::pair("AF_UNIX", SHUT_RDWR),
                             std::pair("AF_UNIX", SHUT_RD)}) {
    Listener listener(with_key(family));
    std::string error;
    std::atomic<pid_t> acceptor{0};
    std::thread server([&] {
      acceptor = gettid();
      error = error_of([&] { listener.accept(); });
    });
    while (acceptor == 0) {
      std::this_thread::yield();
    }
    ASSERT_TRUE(testing::await_blocked_in(acceptor, SYS_ppoll));
    shutdown(listener.fileno(), how);
    server.join();
    EXPECT_EQ(error, "OSError: mp: Listener.accept: [Errno 22] Invalid argument") << family;
  }
}

TEST_F(Hostile, APeerMayBeGivenAllTime) {
  ListenerOptions options = with_key();
  options.handshake_timeout = kForever;
  Listener listener(options);
  Serving serving(listener);
  expect_served(listener);
}

// A silent one does not put an interrupt off until its own time is over, whichever thread gets the signal.
TEST_F(Hostile, ASilentPeerDoesNotHoldUpAnInterrupt) {
  ListenerOptions options = with_key();
  options.handshake_timeout = 3600;
  Listener listener(options);
  interruptible here;
  Fd silent = connect_raw(listener.address());
  EXPECT_FALSE(listener.try_accept(0).ok());
  sigset_t sigint;
  sigset_t before;
  sigemptyset(&sigint);
  sigaddset(&sigint, SIGINT);
  std::thread other([main = gettid()] {
    testing::await_blocked_in(main, SYS_ppoll);
    ::raise(SIGINT);
  });
  pthread_sigmask(SIG_BLOCK, &sigint, &before);
  EXPECT_THROW(listener.accept(), KeyboardInterrupt);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  other.join();
}

// Runs `body` in a child made by a bare fork, which ends without destructors.
pid_t fork_raw(const std::function<void()>& body) {
  pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  return child;
}

TEST_F(Hostile, APeerThatIsSentAwayHearsItThoughAChildHasItsSocket) {
  ListenerOptions options = with_key();
  options.handshake_timeout = 0.2;
  Listener listener(options);
  Fd silent = connect_raw(listener.address());
  Fd nonsense = connect_raw(listener.address());
  EXPECT_FALSE(listener.try_accept(0).ok()) << "both are on their way now";
  pid_t child = fork_raw([] { pause(); });
  ASSERT_GT(child, 0);
  send_raw(nonsense, std::string(40, 'x'));
  EXPECT_FALSE(listener.try_accept(0.5).ok());
  EXPECT_EQ(read_raw(nonsense, 1).size(), 0u);
  EXPECT_EQ(read_raw(silent, 1).size(), 0u);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

// Several processes may serve at one address. Who was on the way when they parted is the parent's.
TEST_F(Hostile, AChildServesBesideItsParentAndLeavesItItsPeers) {
  for (const char* family : {"AF_INET", "AF_UNIX"}) {
    Listener listener(with_key(family));
    Fd half = connect_raw(listener.address());
    const std::string hello = std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n');
    send_raw(half, hello.substr(0, 20));
    EXPECT_FALSE(listener.try_accept(0).ok());
    pid_t child = fork_raw([&] {
      for (;;) {
        listener.accept().send(1);
      }
    });
    ASSERT_GT(child, 0);
    send_raw(half, hello.substr(20));
    for (int i = 0; i < 3; ++i) {
      expect_served(listener);
    }
    pollfd answer{half.get(), POLLIN, 0};
    EXPECT_EQ(poll(&answer, 1, 0), 0) << "the child has answered";
    EXPECT_FALSE(listener.try_accept(0).ok());
    EXPECT_EQ(read_raw(half, 72).size(), 72u);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
}

std::string name_of_error(const std::function<void()>& f) {
  const std::string text = error_of(f);
  return text.substr(0, text.find(':'));
}

// A peer that resets the connection instead of closing it.
TEST_F(Hostile, AResetIsAnErrorAndNotTheEnd) {
  for (const std::string& where :
       {std::string(), std::string("\10"), std::string("\10\0\0\0ab", 6)}) {
    Listener listener({.family = "AF_INET"});
    Fd peer = connect_raw(listener.address());
    Connection c = listener.accept();
    send_raw(peer, where);
    std::string error;
    std::atomic<pid_t> receiver{0};
    std::thread thread([&] {
      receiver = gettid();
      error = name_of_error([&] { c.recv_bytes(); });
    });
    while (receiver == 0) {
      std::this_thread::yield();
    }
    ASSERT_TRUE(testing::await_blocked_in(receiver, SYS_ppoll));
    const linger at_once{1, 0};
    ASSERT_EQ(setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    peer.reset();
    thread.join();
    EXPECT_EQ(error, "OSError");
    EXPECT_EQ(name_of_error([&] { c.send(1); }), where.empty() ? "BrokenPipeError" : "OSError");
  }
}

// Who has said all it wants still hears the answer.
TEST_F(Hostile, APeerThatHasClosedItsSideHearsTheAnswer) {
  for (const char* family : {"AF_INET", "AF_UNIX"}) {
    Listener listener({.family = family});
    Fd peer = connect_raw(listener.address());
    Connection c = listener.accept();
    shutdown(peer.get(), SHUT_WR);
    EXPECT_EQ(name_of_error([&] { c.recv_bytes(); }), "EOFError");
    c.send_bytes("answer");
    c.close();
    EXPECT_NE(read_raw(peer, 1000).find("answer"), std::string::npos);
  }
}

// Several processes accept at one address, and are killed and replaced while they do: each client is served by one of them or
// told that it is not, and nobody waits for ever.
TEST_F(Hostile, ManyProcessesServeAtOneAddressAndDie) {
  for (const char* family : {"AF_INET", "AF_UNIX"}) {
    Listener listener(with_key(family));
    auto serve = [&] {
      return fork_raw([&] {
        for (;;) {
          if (auto connection = listener.try_accept(kForever); connection.ok()) {
            error_of([&] { connection->send(1); });
          }
        }
      });
    };
    std::vector<pid_t> servers;
    for (int i = 0; i < 4; ++i) {
      servers.push_back(serve());
    }
    std::atomic<int> served{0};
    std::atomic<int> told{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&] {
        for (int visit = 0; visit < 100; ++visit) {
          const std::string error = name_of_error([&] {
            EXPECT_EQ(Client(listener.address(), {.authkey = kKey}).recv<int>(), 1);
            ++served;
          });
          told += error == "EOFError" || error == "OSError" ? 1 : 0;
        }
      });
    }
    std::minstd_rand random(1);
    while (served + told < 400) {
      pid_t& server = servers[random() % servers.size()];
      kill(server, SIGKILL);
      waitpid(server, nullptr, 0);
      server = serve();
      const int before = served;
      while (served < before + 5 && served + told < 400) {
        std::this_thread::yield();
      }
    }
    for (std::thread& client : clients) {
      client.join();
    }
    for (pid_t server : servers) {
      kill(server, SIGKILL);
      waitpid(server, nullptr, 0);
    }
    std::printf("%s: %d clients were served, %d told that they are not\n", family, served.load(),
                told.load());
    EXPECT_EQ(served + told, 400);
  }
}

// A fork while another thread waits for a message: that thread is not in the child, and keeps nothing open there.
TEST_F(Hostile, AChildCanCloseAnEndThatAThreadOfItsParentUses) {
  Listener listener({.family = "AF_UNIX"});
  Fd peer = connect_raw(listener.address());
  Connection c = listener.accept();
  std::atomic<pid_t> receiver{0};
  std::thread thread([&] {
    receiver = gettid();
    error_of([&] { c.recv_bytes(); });
  });
  while (receiver == 0) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(testing::await_blocked_in(receiver, SYS_ppoll));
  pid_t child = fork_raw([&] {
    c.close();
    pause();
  });
  ASSERT_GT(child, 0);
  while (testing::blocked_in(child) != SYS_pause) {
    std::this_thread::yield();
  }
  c.close();
  thread.join();
  EXPECT_EQ(read_raw(peer, 1), "") << "the end of the stream";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_F(Hostile, TheKeyIsNowhereToBeSeen) {
  const std::string secret = "a secret that is to be found nowhere";
  std::string log;
  get_logger().set_level("DEBUG");
  get_logger().add_handler([&](const LogRecord& r) { log += r.message; });
  {
    Listener listener({.authkey = secret});
    std::thread wrong([&] {
      error_of([&] { Client(listener.address(), {.authkey = kKey}); });
      Client(listener.address(), {.authkey = secret});
    });
    listener.accept();
    wrong.join();
    for (const char* file : {"/proc/self/environ", "/proc/self/cmdline"}) {
      std::ifstream in(file);
      std::string all(std::istreambuf_iterator<char>(in), {});
      EXPECT_EQ(all.find(secret), all.npos) << file;
    }
    EXPECT_EQ(listener.address().path().find(secret), std::string_view::npos);
  }
  get_logger().remove_handlers();
  get_logger().set_level(0);
  EXPECT_NE(log.find("sent away"), log.npos) << "the log says why";
  EXPECT_EQ(log.find(secret), log.npos);
}

// Offsets into our memory and addresses of our code, in a message that is well-formed.
TEST_F(Hostile, ValuesThatNameWhatIsOursAreRefused) {
  Listener listener({.family = "AF_UNIX"});
  Fd peer = connect_raw(listener.address());
  Connection c = listener.accept();
  auto send_value = [&](const auto& value) {
    Encoder& encoder = Encoder::local();
    internal::encode_message(encoder, value);
    internal::Framing::Head head = internal::Framing::of(internal::Framing::Id::kMp)
                                       .head(internal::Content::kValue, encoder.message().size());
    for (std::span<const std::byte> part : {head.span(), encoder.message()}) {
      send_raw(peer, {reinterpret_cast<const char*>(part.data()), part.size()});
    }
  };
  auto is_refused = [&](const auto& value) {
    send_value(value);
    return error_of([&] { c.recv<std::decay_t<decltype(value)>>(); }).rfind("CodecError:", 0) == 0;
  };
  Lock ours;
  EXPECT_TRUE(is_refused(ours));
  EXPECT_TRUE(is_refused(std::vector<Lock>{ours, ours}));
  EXPECT_TRUE(is_refused(Function<int(int)>([](int i) { return i; })));
  send_value(1);
  EXPECT_EQ(c.recv<int>(), 1);
}

TEST_F(Hostile, WhoDoesNotReadBoundsWhatIsSent) {
  Listener listener({.family = "AF_UNIX"});
  Fd peer = connect_raw(listener.address());
  Connection c = listener.accept();
  std::atomic<size_t> sent{0};
  auto [size, resident] = memory();
  std::thread sender([&] {
    try {
      for (;;) {
        c.send_bytes(std::string(100'000, 'x'));
        sent += 100'000;
      }
    } catch (const Error&) {
    }
  });
  // Until it moves no more: it waits for room.
  size_t before = 1;
  while (sent != before) {
    before = sent;
    pollfd none{-1, 0, 0};
    poll(&none, 1, 100);
  }
  EXPECT_LE(memory().second, resident + (8 << 20));
  peer.reset();
  sender.join();
}

TEST_F(Hostile, ASocketFileOfSomebodyElseIsNotUsed) {
  Listener listener({.family = "AF_UNIX"});
  std::string path(listener.address().path());
  struct stat st {};
  ASSERT_EQ(lstat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  std::string directory = path.substr(0, path.rfind('/'));
  ASSERT_EQ(lstat(directory.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
  // A name that leads elsewhere.
  std::string link = directory + "/link";
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  EXPECT_THROW(Client(Address(link)), ConnectionRefusedError);
  unlink(link.c_str());
  // What is no socket.
  std::string file = directory + "/file";
  Fd made(open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_THROW(Client(Address(file)), ConnectionRefusedError);
  unlink(file.c_str());
  listener.close();
  EXPECT_NE(access(directory.c_str(), F_OK), 0) << "left behind";
}

TEST_F(Hostile, WhatWasLeftBehindIsRemovedByTheNext) {
  int channel[2];
  ASSERT_EQ(pipe2(channel, O_CLOEXEC), 0);
  Fd out(channel[0]);
  Fd in(channel[1]);
  pid_t child = fork();
  if (child == 0) {
    // Ends without any destructor, as a killed one does.
    static Listener* left = new Listener();
    std::string_view path = left->address().path();
    _exit(write(in.get(), path.data(), path.size()) == static_cast<ssize_t>(path.size()) ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  char text[256];
  ssize_t n = read(out.get(), text, sizeof text);
  ASSERT_GT(n, 0);
  std::string path(text, static_cast<size_t>(n));
  ASSERT_EQ(access(path.c_str(), F_OK), 0);
  Listener alive;
  Listener next;
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  EXPECT_EQ(access(std::string(alive.address().path()).c_str(), F_OK), 0);
}

// Needs root: a peer of another user is not even read from.
TEST_F(Hostile, AnotherUserIsSentAway) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "needs root to be somebody else";
  }
  Listener listener(Address("/tmp/mp_other_user_" + std::to_string(getpid())), with_key("AF_UNIX"));
  std::string path(listener.address().path());
  ASSERT_EQ(chmod(path.c_str(), 0777), 0);
  Serving serving(listener);
  pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) {
      _exit(3);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.data(), path.size());
    if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      _exit(2);
    }
    std::string hello = std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n');
    send(fd, hello.data(), hello.size(), MSG_NOSIGNAL);
    char byte;
    _exit(recv(fd, &byte, 1, 0) > 0 ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: it was answered, 2, 3: the test failed";
  EXPECT_EQ(serving.accepted(), 0);
}

}  // namespace
}  // namespace mp
