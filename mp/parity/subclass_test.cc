// _TestSubclassingProcess of the reference, and what mp/process_of.h promises.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mp/parity/backends.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/process_of.h"
#include "mp/queue.h"

namespace mp::testing {
namespace {

template <class B>
class TestSubclassingProcess : public ParityTest {
 protected:
  static Process::Options options(std::string name = {}) {
    return {.name = std::move(name), .context = get_context(B::kName)};
  }
};
using OnProcesses = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestSubclassingProcess, OnProcesses, BackendNames);

class UpperCaser : public ProcessOf<UpperCaser> {
 public:
  explicit UpperCaser(Options options = {}) : UpperCaser(Pipe(), std::move(options)) {}
  void run() override {
    parent_.close();
    while (auto text = child_.recv<std::optional<std::string>>()) {
      for (char& c : *text) {
        c = static_cast<char>(std::toupper(c));
      }
      child_.send(*text);
    }
    child_.close();
  }
  auto fields() { return std::tie(child_, parent_); }

  std::string submit(std::string text) {
    parent_.send(std::optional<std::string>(std::move(text)));
    return parent_.recv<std::string>();
  }
  void stop() {
    parent_.send(std::optional<std::string>());
    parent_.close();
    child_.close();
  }

 private:
  UpperCaser(std::pair<Connection, Connection> ends, Options options)
      : ProcessOf(std::move(options)), child_(ends.first), parent_(ends.second) {}

  Connection child_;
  Connection parent_;
};

TYPED_TEST(TestSubclassingProcess, test_subclassing) {
  UpperCaser upper_caser(this->options());
  upper_caser.set_daemon(true);
  upper_caser.start();
  EXPECT_EQ(upper_caser.submit("hello"), "HELLO");
  EXPECT_EQ(upper_caser.submit("world"), "WORLD");
  upper_caser.stop();
  finish(upper_caser);
}

class ZeroDivisionError : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};
// stderr is a file with a buffer, which nobody flushes but the end of the process.
void redirect_stderr(const std::string& file) {
  if (std::freopen(file.c_str(), "w", stderr) == nullptr ||
      std::setvbuf(stderr, nullptr, _IOFBF, 1 << 16) != 0) {
    exit(9);
  }
}
void divide_by_zero(std::string file) {
  redirect_stderr(file);
  throw ZeroDivisionError("division by zero");
}
void exit_with_text(std::string file, std::string text) {
  redirect_stderr(file);
  exit(text);
}

// What `call` writes to the file whose name is its first argument.
template <class B, class... A>
std::string written(int expected_code, A&&... call) {
  std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / ("err" + std::to_string(getpid()));
  auto run = [&](auto f, auto... more) {
    typename B::Process p({.name = "P"}, f, file.string(), more...);
    p.start();
    p.join();
    EXPECT_EQ(p.exitcode(), expected_code);
  };
  run(call...);
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  std::filesystem::remove(file);
  return text.str();
}

TYPED_TEST(TestSubclassingProcess, test_stderr_flush) {
  EXPECT_EQ(written<TypeParam>(1, divide_by_zero),
            "Process P:\nTraceback (most recent call first):\n"
            "#0 mp::testing::(anonymous namespace)::divide_by_zero()\n"
            "testing::ZeroDivisionError: division by zero\n");
}

void exit_true() { exit(true); }
void exit_false() { exit(false); }
void exit_8() { exit(8); }
void exit_300() { exit(300); }
void exit_minus_1() { exit(-1); }
void exit_none() { exit(); }
void exit_from_below() { std::exit(9); }

TYPED_TEST(TestSubclassingProcess, test_sys_exit) {
  EXPECT_EQ(written<TypeParam>(1, exit_with_text, "[1, 2, 3]"), "[1, 2, 3]\n");
  EXPECT_EQ(written<TypeParam>(1, exit_with_text, "ignore this"), "ignore this\n");
  for (auto [f, code] : std::vector<std::pair<void (*)(), int>>{{exit_true, 1},
                                                                {exit_false, 0},
                                                                {exit_8, 8},
                                                                {exit_none, 0},
                                                                {exit_300, 44},
                                                                {exit_minus_1, 255},
                                                                {exit_from_below, 9}}) {
    auto p = start<TypeParam>(f);
    EXPECT_TRUE(p.join());
    EXPECT_EQ(p.exitcode(), code);
  }
}

// Not tests of the reference's suite, but its semantics, or what is better here.

// The reference documentation's Worker: no constructor without arguments.
struct Worker : ProcessOf<Worker> {
  explicit Worker(Queue<std::string> q, Options options = {})
      : ProcessOf(std::move(options)), q(q) {}
  void run() override { q.put("local hello"); }
  auto fields() { return std::tie(q); }
  Queue<std::string> q;
};

TYPED_TEST(TestSubclassingProcess, AnObjectIsMadeOfItsFieldsWhereItCanNotBeMadeWithoutArguments) {
  Queue<std::string> q;
  Worker w(q, this->options());
  w.start();
  finish(w);
  EXPECT_EQ(q.get(), "local hello");
}

// Tells who it is, in the child.
struct Teller : ProcessOf<Teller> {
  using ProcessOf::ProcessOf;
  void run() override {
    q.put(name());
    q.put(repr(*this));
    q.put(*this == current_process() ? "current" : "another");
    q.put(Process().name());
    q.put(std::to_string(pid() == getpid()));
    q.put(std::to_string(local));
    q.put(label);
  }
  auto fields() { return std::tie(q, label); }
  Queue<std::string> q;
  std::string label;
  int local = 0;
};

TYPED_TEST(TestSubclassingProcess, TheChildsObjectIsItsProcess) {
  Teller w(this->options());
  // A child of this process has a number, and its children are counted under it.
  std::string number = Process().name();
  number = std::to_string(std::stoi(number.substr(number.find('-') + 1)) - 1);
  EXPECT_EQ(w.name(), "Teller-" + number);
  w.label = "as set after construction";
  w.local = 7;
  w.start();
  finish(w);
  std::string me = std::to_string(getpid());
  EXPECT_EQ(w.q.get(), "Teller-" + number);
  EXPECT_EQ(w.q.get(), "<Teller name='Teller-" + number + "' parent=" + me + " started>");
  EXPECT_EQ(w.q.get(), "current");
  EXPECT_EQ(w.q.get(), "Process-" + number + ":1");
  EXPECT_EQ(w.q.get(), "1");
  // Only by fork the child has what is no field.
  EXPECT_EQ(w.q.get(), (std::is_same_v<TypeParam, OnFork> ? "7" : "0"));
  EXPECT_EQ(w.q.get(), "as set after construction");
}

struct Nothing : ProcessOf<Nothing> {
  using ProcessOf::ProcessOf;
  void run() override { exit(3); }
  auto fields() { return std::tie(); }
};

TYPED_TEST(TestSubclassingProcess, AProcessIsStartedThroughItsBaseToo) {
  std::vector<std::unique_ptr<Process>> all;
  all.push_back(std::make_unique<Nothing>(this->options()));
  all.push_back(std::make_unique<Process>(this->options()));
  for (auto& p : all) {
    p->start();
  }
  for (auto& p : all) {
    p->join();
  }
  EXPECT_EQ(all[0]->exitcode(), 3);
  EXPECT_EQ(all[1]->exitcode(), 0);
  EXPECT_EQ(error_of([&] { all[0]->start(); }), "AssertionError: cannot start a process twice");
}

TYPED_TEST(TestSubclassingProcess, ACopyThatIsAProcessRefusesToStart) {
  Nothing w(this->options());
  Process copy = w;
  EXPECT_EQ(error_of([&] { copy.start(); }),
            "AssertionError: mp: a Nothing is started as such: this is a copy of it that is a "
            "Process, and does not know what to run");
  w.start();
  EXPECT_TRUE(copy.join());
  EXPECT_EQ(copy.exitcode(), 3);
  EXPECT_EQ(copy, w);
}

struct Unheard : Process {
  explicit Unheard(Options options) : Process(std::move(options)) {}
  void run() {}
};

TYPED_TEST(TestSubclassingProcess, ARunThatNobodyWouldCallIsAnError) {
  Unheard u(this->options());
  EXPECT_EQ(error_of([&] { u.start(); }),
            "TypeError: mp: a mp::testing::Unheard derives from mp::Process, which does not know "
            "its run(): "
            "derive it from mp::ProcessOf<mp::testing::Unheard>");
  EXPECT_EQ(u.exitcode(), std::nullopt);
}

struct Derived : Nothing {
  using Nothing::Nothing;
  void run() override { exit(4); }
};

TYPED_TEST(TestSubclassingProcess, AClassThatDerivesFromOneIsItselfByForkAlone) {
  Derived w(this->options());
  if (std::is_same_v<TypeParam, OnFork>) {
    w.start();
    EXPECT_TRUE(w.join());
    EXPECT_EQ(w.exitcode(), 4);
  } else {
    EXPECT_EQ(error_of([&] { w.start(); }),
              "TypeError: mp: a mp::testing::Derived is a "
              "mp::testing::Nothing, and would be one in the child: let it "
              "derive from mp::ProcessOf<mp::testing::Derived> itself, or "
              "start it by fork");
  }
}

}  // namespace
}  // namespace mp::testing
