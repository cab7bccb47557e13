// A program starts itself again however it was linked (static, PIE, neither), when its file was replaced meanwhile, and
// with functions of libraries that it opened.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "mp/function.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

void put(Queue<int> q, int n) { q.put(n); }
void call(Queue<int> q, Function<int(int)> f) { q.put(f(20)); }
void exit_with(int code) { mp::exit(code); }

class Program : public ::testing::TestWithParam<const char*> {
 protected:
  ~Program() override { internal::stop_fork_server(); }

  template <class... A>
  std::optional<int> exit_code_of(A&&... function) {
    Process p({.context = get_context(GetParam())}, std::forward<A>(function)...);
    p.start();
    p.join();
    return p.exitcode();
  }

 private:
  Watchdog dog_{120s};
};

INSTANTIATE_TEST_SUITE_P(Process, Program, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Program, StartsItselfAgain) {
  Queue<int> q;
  EXPECT_EQ(exit_code_of(put, q, 1), 0);
  EXPECT_EQ(q.get(0), 1);
  EXPECT_EQ(exit_code_of([](Queue<int> to) { to.put(2); }, q), 0);
  EXPECT_EQ(q.get(0), 2);
  EXPECT_EQ(exit_code_of(call, q, [](int n) { return n + 1; }), 0);
  EXPECT_EQ(q.get(0), 21);
  EXPECT_EQ(exit_code_of(exit_with, 8), 8);
}

// Run by the test below, in a copy of this program.
TEST_P(Program, DISABLED_ThatIsAnotherFileByNow) {
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  std::filesystem::path other = self.string() + ".new";
  std::filesystem::copy_file("/bin/false", other);
  std::filesystem::rename(other, self);
  EXPECT_EQ(exit_code_of(exit_with, 8), 8);
  std::filesystem::remove(self);
  EXPECT_EQ(exit_code_of(exit_with, 9), 9);
}

TEST_P(Program, StartsTheSameCodeWhenItsFileWasReplaced) {
  std::filesystem::path copy =
      std::filesystem::path(::testing::TempDir()) / ("copy_" + std::to_string(getpid()));
  std::filesystem::copy_file("/proc/self/exe", copy);
  pid_t pid = fork();
  if (pid == 0) {
    std::string filter = std::string("--gtest_filter=*ThatIsAnotherFileByNow/") + GetParam();
    execl(copy.c_str(), copy.c_str(), filter.c_str(), "--gtest_also_run_disabled_tests", nullptr);
    _exit(99);
  }
  int status;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(std::filesystem::exists(copy));
}

using Task = void(std::string path, int n);

// testdata/library.cc: not linked with this program, and not with mp.
class Library {
 public:
  Library() : handle_(dlopen(std::getenv("MP_TEST_LIBRARY"), RTLD_NOW)) {}
  ~Library() { dlclose(handle_); }
  Task* task() const { return reinterpret_cast<Task*>(dlsym(handle_, "write_number")); }

 private:
  void* handle_;
};

TEST_P(Program, RunsFunctionsOfALibraryItOpened) {
  if (std::getenv("MP_TEST_LIBRARY") == nullptr) {
    GTEST_SKIP() << "the library comes with program_shared_test only";
  }
  std::string path = ::testing::TempDir() + "/number_" + std::to_string(getpid());
  // Before the fork server runs, and while it does.
  for (int n : {41, 42}) {
    Library library;
    ASSERT_NE(library.task(), nullptr);
    EXPECT_EQ(exit_code_of(library.task(), path, n), 0);
    int found = 0;
    std::ifstream(path) >> found;
    EXPECT_EQ(found, n);
    std::filesystem::remove(path);
  }
}

}  // namespace
}  // namespace mp
