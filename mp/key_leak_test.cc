// Where a key can be read that should be nowhere: in a core dump of who listens and connects with it, in the environment and
// the arguments of its processes.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "mp/address.h"
#include "mp/challenge.h"
#include "mp/client.h"
#include "mp/connection.h"
#include "mp/context.h"
#include "mp/errors.h"
#include "mp/listener.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/python/client.h"
#include "mp/python/connection.h"
#include "mp/python/listener.h"
#include "mp/testing/core_dump_child.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using testing::Dump;

constexpr size_t kKeySize = 32;

// The key of a test: this program's only copy, in memory that is no part of what is searched.
class Key {
 public:
  Key() {
    void* room = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(room, MAP_FAILED);
    EXPECT_EQ(madvise(room, kPage, MADV_DONTDUMP), 0);
    data_ = static_cast<char*>(room);
    EXPECT_EQ(getrandom(data_, kKeySize, 0), static_cast<ssize_t>(kKeySize));
  }
  ~Key() { munmap(data_, kPage); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  std::string_view view() const { return {data_, kKeySize}; }
  // For options, which overwrite it.
  std::string string() const { return std::string(view()); }

  // Whether half of it is in these bytes.
  bool is_in(std::string_view bytes) const {
    for (size_t at = 0; at + kKeySize / 2 <= kKeySize; at += 4) {
      if (memmem(bytes.data(), bytes.size(), data_ + at, kKeySize / 2) != nullptr) {
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr size_t kPage = 4096;
  char* data_;
};

// Everything of a process that a core dump of it could have: what it can read and has not excluded.
class Image {
 public:
  explicit Image(pid_t pid) : memory_(open((proc(pid) + "mem").c_str(), O_RDONLY | O_CLOEXEC)) {
    EXPECT_GE(memory_, 0);
    std::ifstream maps(proc(pid) + "smaps");
    Range range{};
    for (std::string line; std::getline(maps, line);) {
      unsigned long begin = 0;
      unsigned long end = 0;
      char mode[5] = {};
      if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) == 3) {
        range = {begin, end, mode[0] == 'r'};
      } else if (line.rfind("VmFlags:", 0) == 0 && range.readable &&
                 (line + " ").find(" dd ") == std::string::npos) {
        ranges_.push_back(range);
      }
    }
  }
  ~Image() { close(memory_); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  struct Found {
    size_t bytes = 0;
    bool key = false;
  };
  Found search(const Key& key) const {
    Found found;
    for (const Range& range : ranges_) {
      std::string bytes(range.end - range.begin, '\0');
      const ssize_t n = pread(memory_, bytes.data(), bytes.size(), static_cast<off_t>(range.begin));
      if (n > 0) {
        bytes.resize(static_cast<size_t>(n));
        found.bytes += bytes.size();
        found.key = found.key || key.is_in(bytes);
      }
    }
    return found;
  }

 private:
  struct Range {
    unsigned long begin;
    unsigned long end;
    bool readable;
  };
  static std::string proc(pid_t pid) { return "/proc/" + std::to_string(pid) + "/"; }
  int memory_;
  std::vector<Range> ranges_;
};

// In a child: says what key it has, and stays until it is told.
void wait_for_the_end(const Connection& there) {
  there.send(current_process().authkey());
  there.recv_bytes();
}

// Whether the key is in the memory of a child that has done `first()`, and in the core that it then dumps.
struct Leak {
  bool memory = false;
  bool core = false;
};
Leak look_for(const Key& key, const std::function<void()>& first) {
  Leak leak;
  int ready[2];
  int go[2];
  EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(go, O_CLOEXEC), 0);
  std::thread looks([&] {
    pid_t pid = 0;
    ASSERT_EQ(read(ready[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    const Image::Found found = Image(pid).search(key);
    EXPECT_GT(found.bytes, size_t{100'000});
    leak.memory = found.key;
    EXPECT_EQ(write(go[1], "", 1), 1);
  });
  bool read_core = false;
  const Dump dump = testing::dump_core(
      [&] {
        first();
        const pid_t self = getpid();
        char byte;
        if (write(ready[1], &self, sizeof self) != sizeof self || read(go[0], &byte, 1) != 1) {
          _exit(3);
        }
      },
      [&](const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        const std::string all(std::istreambuf_iterator<char>(in), {});
        EXPECT_GT(all.size(), size_t{100'000});
        leak.core = key.is_in(all);
        read_core = true;
      });
  // Or it waits for ever for a child that failed.
  close(ready[1]);
  looks.join();
  EXPECT_NE(dump, Dump::kOther);
  std::printf(read_core ? "the core was searched\n" : "no core is dumped here: its memory was\n");
  for (int fd : {ready[0], go[0], go[1]}) {
    close(fd);
  }
  return leak;
}

class KeyLeak : public ::testing::Test {
 protected:
  // Both sides of a handshake over `family`, and a connection that is in use: all stay as they are.
  template <class Listener, class MakeClient>
  static void meet(const char* family, const Key& key, const MakeClient& connect) {
    auto* listener = new Listener({.authkey = key.string(), .family = family});
    std::thread client([&] {
      auto* connection = new auto(connect(listener->address()));
      connection->send_bytes("from the client");
      connection->recv_bytes();
    });
    auto* connection = new auto(listener->accept());
    connection->recv_bytes();
    connection->send_bytes("from the server");
    client.join();
  }

 private:
  testing::Watchdog dog_{std::chrono::minutes(2)};
};

TEST_F(KeyLeak, NoCoreHasTheKeyOfAListenerOrAClient) {
  Key key;
  const Leak leak = look_for(key, [&] {
    for (const char* family : {"AF_INET", "AF_UNIX"}) {
      meet<Listener>(family, key, [&](const Address& address) {
        return Client(address, {.authkey = key.string()});
      });
    }
  });
  EXPECT_FALSE(leak.memory);
  EXPECT_FALSE(leak.core);
}

TEST_F(KeyLeak, NoCoreHasTheKeyOfAPythonListenerOrClient) {
  Key key;
  const Leak leak = look_for(key, [&] {
    for (const char* family : {"AF_INET", "AF_UNIX"}) {
      meet<python::Listener>(family, key, [&](const Address& address) {
        return python::Client(address, {.authkey = key.string()});
      });
    }
  });
  EXPECT_FALSE(leak.memory);
  EXPECT_FALSE(leak.core);
}

TEST_F(KeyLeak, NoCoreHasTheKeyOfAChallenge) {
  Key key;
  const Leak leak = look_for(key, [&] {
    auto [here, there] = Pipe();
    // Nobody answers a challenge of its own process.
    const pid_t other = fork();
    if (other == 0) {
      answer_challenge(there, key.view());
      deliver_challenge(there, key.view());
      _exit(0);
    }
    deliver_challenge(here, key.view());
    answer_challenge(here, key.view());
    waitpid(other, nullptr, 0);
  });
  EXPECT_FALSE(leak.memory);
  EXPECT_FALSE(leak.core);
}

// Who fails leaves no more behind.
TEST_F(KeyLeak, NoCoreHasAKeyThatWasRefused) {
  Key key;
  const Leak leak = look_for(key, [&] {
    auto refused = [](const std::function<void()>& f) {
      try {
        f();
        _exit(4);
      } catch (const Error&) {
      }
    };
    Listener other({.authkey = "another key of more than 16 bytes", .family = "AF_INET"});
    std::atomic<bool> done{false};
    std::thread client([&] {
      refused([&] { Client(other.address(), {.authkey = key.string()}); });
      done = true;
    });
    while (!done) {
      refused([&] { other.accept(0.05); });
    }
    client.join();
    refused([&] { Listener(Address("192.0.2.1", 1), {.authkey = key.string()}); });
    refused([&] { Client(Address("/no/such/socket"), {.authkey = key.string()}); });
  });
  EXPECT_FALSE(leak.memory);
  EXPECT_FALSE(leak.core);
}

// Planted: a copy that is in use, and one that was given back without being overwritten.
TEST_F(KeyLeak, ACopyInAStringIsSeen) {
  Key key;
  Leak leak = look_for(key, [&] { new std::string(key.view()); });
  EXPECT_TRUE(leak.memory);
  leak = look_for(key, [&] { std::string(key.view()) + std::string(1000, 'x'); });
  EXPECT_TRUE(leak.memory);
}

// The key that a family has from its first process, in whichever way the children are started.
TEST_F(KeyLeak, NoEnvironmentAndNoArgumentsHaveTheKeyOfTheFamily) {
  Key key;
  current_process().set_authkey(key.view());
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    auto [here, there] = Pipe();
    Process child({.context = get_context(method)}, wait_for_the_end, there);
    child.start();
    EXPECT_EQ(here.recv<std::string>(), key.view()) << method;
    int searched = 0;
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      for (const char* file : {"environ", "cmdline"}) {
        std::ifstream in(process.path() / file, std::ios::binary);
        const std::string all(std::istreambuf_iterator<char>(in), {});
        searched += all.empty() ? 0 : 1;
        EXPECT_FALSE(key.is_in(all)) << process.path() / file;
      }
    }
    EXPECT_GT(searched, 1);
    here.send_bytes("end");
    child.join();
  }
}

}  // namespace
}  // namespace mp
