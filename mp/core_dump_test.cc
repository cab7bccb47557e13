// A process that dumps core with the arena mapped leaves the arena out: read, its holes would become memory.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "mp/internal/core/ref.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/shm/kind.h"
#include "mp/memory.h"
#include "mp/testing/core_dump_child.h"
#include "mp/testing/tracee.h"

namespace mp {
namespace {

using internal::Family;
using internal::Kind;
using internal::Ref;
using testing::Dump;
using testing::dump_core;
using testing::Tracee;

constexpr const char* kForbidden =
    "no core is dumped here: core_pattern, a limit or the place the test runs in forbids it";

// The arena's mapping in a process.
struct Mapping {
  bool there = false;
  bool excluded = false;  // from dumps
  long resident = 0;      // KiB
};
Mapping mapping_of(const std::string& pid) {
  Mapping m;
  std::ifstream maps("/proc/" + pid + "/smaps");
  bool ours = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:mp") != std::string::npos) {
      m.there = ours = true;
    } else if (ours && line.rfind("Rss:", 0) == 0) {
      m.resident += std::stol(line.substr(4));
    } else if (ours && line.rfind("VmFlags:", 0) == 0) {
      m.excluded = (line + " ").find(" dd ") != std::string::npos;
      ours = false;
    }
  }
  return m;
}

uint64_t arena_bytes() {
  struct stat st {};
  fstat(Family::get().arena().fd(), &st);
  return static_cast<uint64_t>(st.st_blocks) * 512;
}

class Founds final : public testing::Traced {
 public:
  void operate() override { Family::get(); }
};

// First, while this process has no family.
TEST(CoreDump, TheArenaIsExcludedBeforeItsFirstUse) {
  ASSERT_EQ(Family::current(), nullptr);
  Founds founds;
  Tracee tracee(founds);
  int seen = 0;
  int before = 0;
  while (tracee.run() == Tracee::At::kEntry) {
    Mapping m = mapping_of(std::to_string(tracee.pid()));
    if (m.there && !m.excluded) {
      // The kernel has not done this call yet.
      EXPECT_EQ(tracee.call(), SYS_madvise);
      EXPECT_EQ(m.resident, 0);
      ++before;
    }
    seen += m.there && m.excluded ? 1 : 0;
    ASSERT_NE(tracee.step(), Tracee::At::kGone);
  }
  EXPECT_EQ(before, 1);
  EXPECT_GT(seen, 0);
}

TEST(CoreDump, CostsNoMemory) {
  Ref object = Ref::create(Kind::kArray, 4096);
  ASSERT_TRUE(mapping_of("self").excluded);
  uint64_t bytes = arena_bytes();
  uint64_t used = memory_used();
  Dump dump = dump_core([] {});
  ASSERT_NE(dump, Dump::kOther);
  if (dump == Dump::kForbidden) {
    GTEST_SKIP() << kForbidden;
  }
  std::printf("arena: %lu KiB before the dump, %lu KiB after\n", bytes / 1024,
              arena_bytes() / 1024);
  EXPECT_EQ(arena_bytes(), bytes);
  EXPECT_EQ(memory_used(), used);
}

// The same checks see it, if a part of the arena is not excluded.
TEST(CoreDump, WouldCostMemoryWereItNotExcluded) {
  constexpr uint64_t kPart = 64 << 20;
  Family& family = Family::get();
  std::byte* hole = family.arena().base() + family.header().size / 2;
  uint64_t bytes = arena_bytes();
  Dump dump = dump_core([&] {
    if (madvise(hole, kPart, MADV_DODUMP) != 0) {
      _exit(2);
    }
  });
  ASSERT_NE(dump, Dump::kOther);
  if (dump == Dump::kForbidden) {
    GTEST_SKIP() << kForbidden;
  }
  EXPECT_GE(arena_bytes(), bytes + kPart / 2);
  madvise(hole, kPart, MADV_REMOVE);
  EXPECT_EQ(arena_bytes(), bytes);
}

TEST(CoreDump, AMappingThatIsNotExcludedIsSeen) {
  std::byte* base = Family::get().arena().base();
  uint64_t size = Family::get().header().size;
  ASSERT_EQ(madvise(base, size, MADV_DODUMP), 0);
  EXPECT_FALSE(mapping_of("self").excluded);
  ASSERT_EQ(madvise(base, size, MADV_DONTDUMP), 0);
  EXPECT_TRUE(mapping_of("self").excluded);
}

}  // namespace
}  // namespace mp
