// C++ and Python programs exchange messages: the real multiprocessing.connection of every Python that is found here, as listener
// and as client, over both families. Before 3.12 there is no SHA-256 in it: such a one also runs with a handshake that does as 3.12.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "mp/errors.h"
#include "mp/object.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/python/client.h"
#include "mp/python/connection.h"
#include "mp/python/listener.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

extern char** environ;

namespace mp {
namespace {

using namespace std::chrono_literals;

const std::string kTestdata = "mp/python/testdata/";

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(e.name()) + ": " + e.what();
  }
  return "nothing was thrown";
}

// A Python program whose output is read.
class Program {
 public:
  explicit Program(const std::vector<std::string>& args) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0) << args[0];
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~Program() {
    if (pid_ > 0) wait();
  }
  std::string line() {
    std::string text;
    for (char c; ::read(out_, &c, 1) == 1 && c != '\n';) text += c;
    return text;
  }
  // Its exit status.
  int wait() {
    int status = -1;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    ::close(out_);
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
  int out_ = -1;
};

bool knows_sha256(const std::string& python) {
  Program program({python, "-c", "import sys; print(sys.version_info >= (3, 12))"});
  return program.line() == "True";
}

struct Peer {
  std::string python;
  bool imitates = false;  // its handshake is not its own
  bool md5 = false;       // it needs the option

  std::vector<std::string> command(std::vector<std::string> args) const {
    args.insert(args.begin(), {python, kTestdata + "peer.py"});
    if (imitates) args.insert(args.begin() + 2, "--sha256");
    return args;
  }
};

// Debian's, those that MP_PYTHON names (with colons between), and what else is installed in the usual places.
std::vector<Peer> find_peers() {
  std::set<std::string> found;
  auto add = [&](const std::filesystem::path& path) {
    std::error_code e;
    if (std::filesystem::exists(path, e)) found.insert(path.string());
  };
  add("/usr/bin/python3");
  std::string named = getenv("MP_PYTHON") != nullptr ? getenv("MP_PYTHON") : "";
  for (size_t at = 0; at < named.size();) {
    size_t end = std::min(named.find(':', at), named.size());
    add(named.substr(at, end - at));
    at = end + 1;
  }
  for (const char* version : {"3.12", "3.13", "3.14", "3.15"}) {
    for (const char* folder : {"/usr/bin/", "/usr/local/bin/"}) {
      add(std::string(folder) + "python" + version);
    }
  }
  if (const passwd* user = getpwuid(getuid()); user != nullptr) {
    std::error_code e;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(user->pw_dir) + "/.pyenv/versions", e)) {
      std::string version = entry.path().filename();
      if (version.starts_with("3.1") && version > "3.12") add(entry.path() / "bin/python3");
    }
  }
  std::vector<Peer> peers;
  for (const std::string& python : found) {
    bool modern = knows_sha256(python);
    peers.push_back({.python = python, .md5 = !modern});
    if (!modern) peers.push_back({.python = python, .imitates = true});
    std::printf("%s: %s\n", python.c_str(), modern ? "SHA-256" : "HMAC-MD5, and SHA-256 imitated");
  }
  return peers;
}

const std::vector<Peer>& peers() {
  static const std::vector<Peer> found = find_peers();
  return found;
}

class Python : public testing::Fixture {
 protected:
  testing::Watchdog dog{120s};
};

// What a program that sends everything back is used for.
void converse(const python::Connection& conn) {
  for (size_t size : {0, 1, 16384, 16385, 70000, 5'000'000}) {
    std::string message(size, 'x');
    if (size != 0) message[size / 2] = '\0';
    std::thread sender([&] { conn.send_bytes(message); });
    EXPECT_TRUE(conn.poll(kForever));
    EXPECT_EQ(conn.recv_bytes().view(), message);
    sender.join();
  }
  EXPECT_FALSE(conn.poll());
  conn.send_bytes("hello");
  std::string buffer(10, '.');
  EXPECT_EQ(conn.recv_bytes_into(std::as_writable_bytes(std::span(buffer)), 2), 5u);
  EXPECT_EQ(buffer, "..hello...");
  conn.send_bytes("longer than that");
  try {
    conn.recv_bytes_into(std::as_writable_bytes(std::span(buffer)));
    ADD_FAILURE();
  } catch (const BufferTooShort& e) {
    EXPECT_EQ(e.message(), "longer than that");
  }
  conn.send_bytes("a");
  pollfd readable{conn.fileno(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, -1), 1);
  EXPECT_EQ(conn.recv_bytes().view(), "a");
  conn.send_bytes("seventeen letters");
  EXPECT_EQ(error_of([&] { conn.recv_bytes(16); }), "OSError: bad message length");
  EXPECT_EQ(error_of([&] { conn.recv_bytes(); }), "OSError: connection is write-only");
}

std::vector<std::string> families() { return {"AF_UNIX", "AF_INET"}; }

std::string text_of(const Address& address) {
  return address.is_local() ? std::string(address.path())
                            : "127.0.0.1:" + std::to_string(address.port());
}

// Where a Python listener is.
Address start_listening(Program& program, const std::string& family) {
  std::string line = program.line();
  return family == "AF_UNIX" ? Address(line)
                             : Address("127.0.0.1", static_cast<uint16_t>(std::stoi(line)));
}
std::string fresh_address(const std::string& family) {
  static int count = 0;
  return family == "AF_INET"
             ? "127.0.0.1:0"
             : "/tmp/mp_python_test_" + std::to_string(getpid()) + "_" + std::to_string(count++);
}

TEST_F(Python, ClientsConnectToAListenerOfOurs) {
  for (const Peer& peer : peers()) {
    for (const std::string& family : families()) {
      for (const char* key : {"secret", ""}) {
        SCOPED_TRACE(peer.python + (peer.imitates ? " as 3.12 " : " ") + family);
        python::Listener listener({.authkey = key, .md5 = peer.md5, .family = family});
        Program program(peer.command({"client", text_of(listener.address()), key}));
        python::Connection conn = listener.accept();
        converse(conn);
        conn.close();
        EXPECT_EQ(program.wait(), 0);
      }
    }
  }
}

TEST_F(Python, OursConnectsToTheirListener) {
  for (const Peer& peer : peers()) {
    for (const std::string& family : families()) {
      SCOPED_TRACE(peer.python + (peer.imitates ? " as 3.12 " : " ") + family);
      Program program(peer.command({"server", fresh_address(family), "secret"}));
      python::Connection conn =
          python::Client(start_listening(program, family), {.authkey = "secret", .md5 = peer.md5});
      converse(conn);
      conn.close();
      EXPECT_EQ(error_of([&] { conn.recv_bytes(); }), "OSError: handle is closed");
      EXPECT_EQ(program.wait(), 0);
    }
  }
}

TEST_F(Python, WithoutAKeyThereIsNoHandshake) {
  Peer peer{.python = "/usr/bin/python3"};
  python::Listener listener;
  Program client(peer.command({"client", text_of(listener.address()), "-"}));
  converse(listener.accept());
  EXPECT_EQ(client.wait(), 0);
  Program server(peer.command({"server", fresh_address("AF_UNIX"), "-"}));
  converse(python::Client(start_listening(server, "AF_UNIX")));
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(Python, AnotherKeyIsToldToBothSides) {
  for (const Peer& peer : peers()) {
    SCOPED_TRACE(peer.python + (peer.imitates ? " as 3.12" : ""));
    python::Listener listener({.authkey = "secret", .md5 = peer.md5});
    Program client(peer.command({"client", text_of(listener.address()), "Secret"}));
    std::thread accepting([&] {
      // The client comes during one of these calls.
      std::string why;
      do {
        why = error_of([&] { listener.accept(0); });
      } while (why == "TimeoutError: mp: Listener.accept: nobody has connected in time");
      EXPECT_EQ(
          why,
          "TimeoutError: mp: Listener.accept: nobody has connected in time; the last peer was "
          "sent away: digest received was wrong");
      // Whoever comes with the key finds the listener there.
      converse(listener.accept());
    });
    EXPECT_EQ(client.line(), "digest sent was rejected");
    EXPECT_EQ(client.wait(), 0);
    Program honest(peer.command({"client", text_of(listener.address()), "secret"}));
    accepting.join();
    EXPECT_EQ(honest.wait(), 0);

    Program server(peer.command({"server", fresh_address("AF_INET"), "Secret"}));
    EXPECT_EQ(error_of([&] {
                python::Client(start_listening(server, "AF_INET"),
                               {.authkey = "secret", .md5 = peer.md5});
              }),
              "AuthenticationError: digest sent was rejected");
    EXPECT_EQ(server.line(), "digest received was wrong");
    EXPECT_EQ(server.wait(), 0);
  }
}

TEST_F(Python, Md5IsForThoseWhoAskForIt) {
  for (const Peer& peer : peers()) {
    if (!peer.md5) continue;
    Program server(peer.command({"server", fresh_address("AF_UNIX"), "secret"}));
    EXPECT_EQ(error_of([&] {
                python::Client(start_listening(server, "AF_UNIX"), {.authkey = "secret"});
              }),
              "AuthenticationError: the peer uses HMAC-MD5, as Python before 3.12 does, which the "
              "option md5 of mp::python allows");
    server.wait();
    python::Listener listener({.authkey = "secret"});
    Program client(peer.command({"client", text_of(listener.address()), "secret"}));
    std::thread accepting([&] { converse(listener.accept()); });
    EXPECT_EQ(client.line(), "digest sent was rejected");
    client.wait();
    python::Connection ours = python::Client(listener.address(), {.authkey = "secret"});
    std::thread([&] {
      while (!error_of([&] { ours.send_bytes(ours.recv_bytes().view()); }).starts_with("EOF")) {
      }
    }).join();
    accepting.join();
  }
}

TEST_F(Python, ValuesCross) {
  auto value = [](auto v) { return Object(v); };
  python::Listener listener;
  Program program({"/usr/bin/python3", kTestdata + "values.py",
                   std::string(listener.address().path()), "examples/python/mp_values.py",
                   "mp/python/value_generated.py"});
  python::Connection conn = listener.accept();
  for (const Object& v : {value(None), value(true), value(42), value(-1), value(~uint64_t{0}),
                          value(1.5), value(std::string("it's é")), value(Bytes("\0\xff", 2)),
                          value(std::string()), Object({1, 2, 3}), Object({1.5, 2.5}),
                          Object({"a", "b"}), Object({1, "two", None, Object({3.5, true})})}) {
    conn.send_value(v);
    EXPECT_EQ(conn.recv_bytes().view(), repr(v));
  }
  conn.send_value(std::map<std::string, double>{{"a", 1.5}, {"b", -2}});
  EXPECT_EQ(conn.recv_bytes().view(), "{'a': 1.5, 'b': -2.0}");
  conn.send_value(std::tuple(1, std::string("x"), std::vector<int16_t>{-7, 7}));
  EXPECT_EQ(conn.recv_bytes().view(), "(1, 'x', [-7, 7])");
  conn.send_value(std::set<int>{5});
  EXPECT_EQ(conn.recv_bytes().view(), "{5}");

  conn.send_value("next");
  EXPECT_EQ(repr(conn.recv_value()), "[1, -9223372036854775808, 'three', [], [4, ['five']]]");
  conn.send_value(1);
  EXPECT_EQ(error_of([&] { conn.recv_value(); }).substr(0, 10), "CodecError");
  auto [a, b] = Pipe();
  EXPECT_EQ(error_of([&, &a = a] { conn.send_value(a); }).substr(0, 9), "TypeError");
  conn.close();
  EXPECT_EQ(program.wait(), 0);
}

void answer(python::Connection conn) { conn.send_bytes(conn.recv_bytes().view()); }

TEST_F(Python, ConnectionsCrossToProcessesOfTheFamily) {
  python::Listener listener({.authkey = "secret"});
  std::thread connecting([&] {
    python::Connection client = python::Client(listener.address(), {.authkey = "secret"});
    client.send_bytes("hello");
    EXPECT_EQ(client.recv_bytes().view(), "hello");
  });
  Process p(answer, listener.accept());
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  connecting.join();
}

}  // namespace
}  // namespace mp
