#include "mp/internal/os/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace mp::internal {
namespace {

TEST(UsableCpus, AreThoseOfTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int some = 0;
  while (!CPU_ISSET(some, &before)) {
    ++some;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(some, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cpus(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_LE(usable_cpus(), CPU_COUNT(&before));
}

// A tree of cgroups as files, and the list of those that a process is in.
class CgroupCpus : public ::testing::Test {
 protected:
  CgroupCpus() : root_(::testing::TempDir() + "/cgroup_" + std::to_string(getpid())) {}
  ~CgroupCpus() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  double of(const std::string& list) {
    write("/list", list);
    return cgroup_cpus(root_ + "/list", root_, 64);
  }

 private:
  std::string root_;
};

TEST_F(CgroupCpus, Version2) {
  EXPECT_EQ(of("0::/a/b\n"), 64);
  write("/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(of("0::/a/b\n"), 64);
  write("/a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(of("0::/a/b\n"), 1.5);
}

TEST_F(CgroupCpus, Version1) {
  write("/cpu/a/cpu.cfs_quota_us", "-1\n");
  write("/cpu/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(of("3:cpuset:/\n2:cpu,cpuacct:/a\n"), 64);
  write("/cpu/a/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(of("3:cpuset:/\n2:cpu,cpuacct:/a\n"), 3);
}

TEST_F(CgroupCpus, ALimitAboveCountsToo) {
  write("/a/b/cpu.max", "400000 100000\n");
  write("/a/cpu.max", "200000 100000\n");
  EXPECT_EQ(of("0::/a/b\n"), 2);
  // A container sees its own cgroup as the root, and the host's path to it.
  write("/cpu.max", "50000 100000\n");
  EXPECT_EQ(of("0::/docker/0123\n"), 0.5);
}

TEST_F(CgroupCpus, WithoutAListThereIsNoLimit) {
  EXPECT_EQ(cgroup_cpus("/nowhere/at/all", "/nowhere", 64), 64);
}

}  // namespace
}  // namespace mp::internal
