#include "mp/memory.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/shm/family.h"

namespace mp {
namespace {

using internal::Family;
using internal::Kind;
using internal::Ref;

uint64_t arena_pages() {
  struct stat st {};
  fstat(Family::get().arena().fd(), &st);
  return static_cast<uint64_t>(st.st_blocks);
}

TEST(Memory, TheLimitIsHalfTheMachineUnlessSet) {
  EXPECT_GT(memory_limit(), uint64_t{64} << 20);
  EXPECT_THROW(set_memory_limit(0), ValueError);
  uint64_t before = memory_limit();
  set_memory_limit(uint64_t{64} << 20);
  EXPECT_EQ(memory_limit(), uint64_t{64} << 20);
  set_memory_limit(before);
}

TEST(Memory, OverTheLimitIsAMemoryErrorThatNamesIt) {
  uint64_t before = memory_limit();
  set_memory_limit(uint64_t{64} << 20);
  Ref small = Ref::create(Kind::kBytes, 1 << 20);
  try {
    Ref::create(Kind::kBytes, uint64_t{64} << 20);
    ADD_FAILURE() << "no MemoryError";
  } catch (const MemoryError& e) {
    std::string text = e.what();
    EXPECT_NE(text.find("67108864"), std::string::npos) << text;
    EXPECT_NE(text.find("MP_MEMORY_LIMIT"), std::string::npos) << text;
  }
  Ref fits = Ref::create(Kind::kBytes, uint64_t{32} << 20);
  set_memory_limit(before);
}

TEST(Memory, ALargeBlockGivesItsPagesBack) {
  uint64_t before = memory_used();
  { Ref big = Ref::create(Kind::kBytes, uint64_t{256} << 20); }
  EXPECT_LT(memory_used(), before + (1 << 20));
}

TEST(Memory, ACoreDumpLeavesTheArenaOut) {
  Ref object = Ref::create(Kind::kBytes, 4096);
  std::ifstream maps("/proc/self/smaps");
  bool ours = false;
  bool excluded = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:mp") != std::string::npos) {
      ours = true;
    } else if (ours && line.compare(0, 8, "VmFlags:") == 0) {
      excluded = (line + " ").find(" dd ") != std::string::npos;
      break;
    }
  }
  EXPECT_TRUE(ours);
  EXPECT_TRUE(excluded) << "the mapping lacks the flag dd (do not dump)";
}

TEST(Memory, AChildThatDumpsCoreCostsNoMemory) {
  Ref object = Ref::create(Kind::kBytes, 4096);
  const char* dir = getenv("TEST_TMPDIR");
  ASSERT_EQ(chdir(dir != nullptr ? dir : "/tmp"), 0);
  uint64_t before = arena_pages();
  int64_t start = internal::monotonic_ns();
  pid_t child = fork();
  if (child == 0) {
    rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &all);
    signal(SIGABRT, SIG_DFL);
    abort();
  }
  int status = 0;
  waitpid(child, &status, 0);
  int64_t took = internal::monotonic_ns() - start;
  ASSERT_TRUE(WIFSIGNALED(status));
  std::printf("core dumped: %s, after %.1f ms; arena: %lu KiB before, %lu KiB after\n",
              WCOREDUMP(status) ? "yes" : "no (core_pattern or the sandbox forbids it)",
              static_cast<double>(took) / 1e6, before / 2, arena_pages() / 2);
  EXPECT_EQ(arena_pages(), before);
}

}  // namespace
}  // namespace mp
