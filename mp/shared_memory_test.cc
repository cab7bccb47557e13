#include "mp/shared_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <set>
#include <sstream>
#include <string>

#include "mp/errors.h"
#include "mp/internal/core/shared_memory_core.h"
#include "mp/internal/os/shared_file.h"
#include "mp/internal/shm/family.h"
#include "mp/memory.h"
#include "mp/object.h"
#include "mp/queue.h"

namespace mp {
namespace {

std::string unique_name(const std::string& what) {
  return "mptest_" + what + std::to_string(getpid());
}

// The names in /dev/shm.
std::set<std::string> names() {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    all.insert(entry.path().filename());
  }
  return all;
}

template <class E, class F>
std::string thrown(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  } catch (const Error& e) {
    return std::string("another error: ") + e.name() + ": " + e.what();
  }
  return "nothing";
}

int64_t segments() {
  int64_t n = 0;
  internal::Family::get().arena().each_live([&](uint64_t, const internal::Block& b) {
    n += b.kind == internal::Kind::kSharedMemory ? 1 : 0;
  });
  return n;
}

TEST(SharedMemory, WithoutANameItIsMemoryOfTheFamilyAndNoFile) {
  std::set<std::string> before = names();
  auto m = SharedMemory::create(100);
  EXPECT_EQ(m.name().size(), 12u);
  EXPECT_EQ(m.name().substr(0, 4), "psm_");
  EXPECT_EQ(m.size(), 100);
  EXPECT_EQ(m.buf().size(), 100u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(m.buf().data()) % 64, 0u);
  for (std::byte b : m.buf()) {
    EXPECT_EQ(b, std::byte{0});
  }
  EXPECT_EQ(names(), before);
  m.unlink();
}

TEST(SharedMemory, AttachingGivesAHandleOfItsOwnToTheSameBytes) {
  for (bool named : {false, true}) {
    auto a = named ? SharedMemory::create(unique_name("attach"), 10) : SharedMemory::create(10);
    auto b = SharedMemory::attach(a.name());
    EXPECT_EQ(a, b);
    EXPECT_EQ(b.size(), 10);
    a.buf()[3] = std::byte{42};
    EXPECT_EQ(b.buf()[3], std::byte{42});
    a.close();
    b.buf()[4] = std::byte{43};
    EXPECT_EQ(SharedMemory::attach(b.name()).buf()[4], std::byte{43});
    b.unlink();
    EXPECT_EQ(b.buf()[4], std::byte{43});
  }
}

TEST(SharedMemory, ClosingClosesAllCopiesOfAHandle) {
  auto a = SharedMemory::create(10);
  SharedMemory b = a;
  b.close();
  b.close();
  EXPECT_EQ(thrown<ValueError>([&] { a.buf(); }), "mp: " + repr(a) + " is closed");
  EXPECT_EQ(a.size(), 10);
  a.unlink();
}

TEST(SharedMemory, MemoryGoesWhenTheNameIsGoneAndEverybodyHasClosedIt) {
  int64_t before = segments();
  auto a = SharedMemory::create(10);
  auto b = SharedMemory::attach(a.name());
  a.close();
  a.unlink();
  EXPECT_EQ(segments(), before + 1);
  b.close();
  EXPECT_EQ(segments(), before);
  // And the other way round: closed by all, it lives by its name.
  auto c = SharedMemory::create(10);
  c.close();
  EXPECT_EQ(segments(), before + 1);
  c.unlink();
  EXPECT_EQ(segments(), before);
}

TEST(SharedMemory, UnlinkingTwiceIsAnError) {
  for (bool named : {false, true}) {
    auto a = named ? SharedMemory::create(unique_name("twice"), 10) : SharedMemory::create(10);
    a.unlink();
    EXPECT_EQ(thrown<FileNotFoundError>([&] { a.unlink(); }),
              "[Errno 2] No such file or directory: '/" + a.name() + "'");
    EXPECT_EQ(thrown<FileNotFoundError>([&] { SharedMemory::attach(a.name()); }),
              "[Errno 2] No such file or directory: '/" + a.name() + "'");
  }
}

TEST(SharedMemory, UnlinkingTakesNoNameThatIsAnothersByNow) {
  std::string name = unique_name("another");
  auto a = SharedMemory::create(name, 10);
  a.unlink();
  auto b = SharedMemory::create(name, 10);
  EXPECT_NE(thrown<FileNotFoundError>([&] { a.unlink(); }), "nothing");
  EXPECT_EQ(SharedMemory::attach(name), b);
  b.unlink();
}

TEST(SharedMemory, PrintsAsPythonDoes) {
  auto a = SharedMemory::create(unique_name("print's"), 10);
  std::ostringstream out;
  out << a;
  EXPECT_EQ(out.str(), "SharedMemory(\"" + a.name() + "\", size=10)");
  a.unlink();
}

TEST(SharedMemory, BadSizesAndNamesArePythonsErrors) {
  EXPECT_EQ(thrown<ValueError>([] { SharedMemory::create(-1); }),
            "'size' must be a positive integer");
  EXPECT_EQ(thrown<ValueError>([] { SharedMemory::create(0); }),
            "'size' must be a positive number different from zero");
  EXPECT_EQ(thrown<ValueError>([] { SharedMemory({.create = true}); }),
            "'size' must be a positive number different from zero");
  EXPECT_EQ(thrown<ValueError>([] { SharedMemory({.size = 10}); }),
            "'name' can only be None if create=True");
  EXPECT_EQ(thrown<ValueError>([] { SharedMemory({.name = "x", .size = -10}); }),
            "'size' must be a positive integer");
  EXPECT_EQ(thrown<ValueError>([] { SharedMemory::create(std::string_view("a\0b", 3), 1); }),
            "embedded null character");
  EXPECT_EQ(thrown<ValueError>([] { SharedMemory::attach(std::string_view("a\0b", 3)); }),
            "embedded null character");
  for (std::string name : {std::string(""), std::string("/"), std::string("x/y"), std::string(".."),
                           std::string("."), std::string(256, 'x')}) {
    try {
      SharedMemory::create(name, 1);
      FAIL() << name;
    } catch (const OSError& e) {
      EXPECT_EQ(e.errno_value(), EINVAL) << name;
    }
  }
  auto slash = SharedMemory::create("/" + unique_name("slash"), 1);
  EXPECT_EQ(slash, SharedMemory::attach(slash.name().substr(1)));
  slash.unlink();
}

TEST(SharedMemory, ATakenNameIsAnErrorAndStays) {
  std::string name = unique_name("taken");
  auto a = SharedMemory::create(name, 10);
  EXPECT_EQ(thrown<FileExistsError>([&] { SharedMemory::create(name, 20); }),
            "[Errno 17] File exists: '/" + name + "'");
  EXPECT_EQ(SharedMemory::attach(name).size(), 10);
  a.unlink();
  auto b = SharedMemory::create(10);
  EXPECT_EQ(thrown<FileExistsError>([&] { SharedMemory::create(b.name(), 20); }),
            "[Errno 17] File exists: '/" + b.name() + "'");
  b.unlink();
}

TEST(SharedMemory, LeavesNoNameBehind) {
  std::set<std::string> before = names();
  std::string name = unique_name("left");
  auto a = SharedMemory::create(name, 10);
  EXPECT_EQ(names().count(name), 1u);
  EXPECT_EQ(names().size(), before.size() + 2);
  EXPECT_THROW(SharedMemory::create(name, 10), FileExistsError);
  EXPECT_EQ(names().size(), before.size() + 2);
  a.unlink();
  EXPECT_EQ(names(), before);
}

TEST(SharedMemory, FilesAreTheUsersAlone) {
  std::string name = unique_name("mode");
  auto a = SharedMemory::create(name, 10000);
  struct stat st {};
  ASSERT_EQ(stat(("/dev/shm/" + name).c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  EXPECT_EQ(st.st_size, 10000);
  // Real memory from the start.
  EXPECT_GE(st.st_blocks * 512, 10000);
  a.unlink();
}

TEST(SharedMemory, TakesNoFileDescriptor) {
  auto count = [] {
    int n = 0;
    for ([[maybe_unused]] const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
      ++n;
    }
    return n;
  };
  auto first = SharedMemory::create(10);
  int before = count();
  auto a = SharedMemory::create(unique_name("fds"), 10);
  auto b = SharedMemory::attach(a.name());
  EXPECT_EQ(count(), before);
  a.unlink();
  first.unlink();
}

TEST(SharedMemory, TooLittleMemoryIsAnErrorAndNoSignal) {
  uint64_t limit = memory_limit();
  std::set<std::string> before = names();
  set_memory_limit(uint64_t{64} << 20);
  EXPECT_THROW(SharedMemory::create(int64_t{65} << 20), MemoryError);
  EXPECT_THROW(SharedMemory::create(unique_name("much"), int64_t{65} << 20), MemoryError);
  EXPECT_THROW(SharedMemory::create(std::numeric_limits<int64_t>::max()), MemoryError);
  set_memory_limit(~uint64_t{0});
  struct statvfs fs {};
  ASSERT_EQ(statvfs("/dev/shm", &fs), 0);
  try {
    SharedMemory::create(unique_name("full"), static_cast<int64_t>((fs.f_blocks + 1) * fs.f_bsize));
    FAIL();
  } catch (const OSError& e) {
    EXPECT_EQ(e.errno_value(), ENOSPC);
  }
  EXPECT_THROW(SharedMemory::create(unique_name("most"), std::numeric_limits<int64_t>::max()),
               OSError);
  EXPECT_EQ(names(), before);
  set_memory_limit(limit);
}

TEST(SharedMemory, AttachesToFilesOfAnybodyButOnlyToPlainOnesOfThisUser) {
  std::string path = "/dev/shm/" + unique_name("foreign");
  std::string name = unique_name("foreign");
  auto err = [&] {
    try {
      SharedMemory::attach(name);
    } catch (const OSError& e) {
      return e.errno_value();
    }
    return 0;
  };
  int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  EXPECT_EQ(thrown<ValueError>([&] { SharedMemory::attach(name); }), "cannot mmap an empty file");
  ASSERT_EQ(ftruncate(fd, 5000), 0);
  ASSERT_EQ(pwrite(fd, "x", 1, 4999), 1);
  {
    auto m = SharedMemory::attach(name);
    EXPECT_EQ(m.size(), 5000);
    EXPECT_EQ(m.buf()[4999], std::byte{'x'});
  }
  EXPECT_TRUE(names().count(name));
  // Only root may give a file away, and not in every sandbox.
  if (fchown(fd, 1, 1) == 0) {
    EXPECT_EQ(err(), EACCES);
  }
  close(fd);
  unlink(path.c_str());
  ASSERT_EQ(symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_EQ(err(), EACCES);
  unlink(path.c_str());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(err(), EACCES);
  unlink(path.c_str());
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  EXPECT_EQ(err(), EACCES);
  rmdir(path.c_str());
}

TEST(SharedMemory, AGeneratedNameThatIsTakenIsReplaced) {
  auto original = internal::g_make_name;
  static int made = 0;
  internal::g_make_name = [] { return "psm_0000000" + std::to_string(made++ / 2); };
  auto a = SharedMemory::create(1);
  auto b = SharedMemory::create(1);
  internal::g_make_name = original;
  EXPECT_EQ(a.name(), "psm_00000000");
  EXPECT_EQ(b.name(), "psm_00000001");
  a.unlink();
  b.unlink();
}

TEST(SharedMemory, CrossesAsAHandleAlsoWhenItsSenderHasClosedIt) {
  Queue<SharedMemory> q;
  for (bool named : {false, true}) {
    auto a = named ? SharedMemory::create(unique_name("cross"), 10) : SharedMemory::create(10);
    a.buf()[0] = std::byte{7};
    q.put(a);
    a.close();
    EXPECT_EQ(q.get().buf()[0], std::byte{7});
    q.put(a);
    auto b = q.get();
    EXPECT_EQ(b.buf()[0], std::byte{7});
    q.put(b);
    b.unlink();
    EXPECT_THROW(q.get(), FileNotFoundError);
  }
}

TEST(SharedMemory, ANameThatIsAnotherBlocksByNowDoesNotCross) {
  Queue<SharedMemory> q;
  auto a = SharedMemory::create(unique_name("renewed"), 10);
  q.put(a);
  a.unlink();
  auto b = SharedMemory::create(a.name(), 10);
  EXPECT_THROW(q.get(), FileNotFoundError);
  b.unlink();
}

TEST(SharedMemory, FilesOfDeadFamiliesGoAndThoseOfLivingOnesStay) {
  internal::Family& family = internal::Family::get();
  internal::SharedFile file;
  auto claim = [&](const std::string& what, uint64_t of) {
    ASSERT_EQ(internal::make_shared_file(10, &file), 0);
    ASSERT_EQ(internal::write_claim({.inode = file.inode, .family = of, .name = unique_name(what)}),
              0);
    ASSERT_EQ(internal::name_shared_file(file, unique_name(what)), 0);
  };
  claim("used", 1);
  auto used = SharedMemory::attach(unique_name("used"));
  claim("dead", 1);
  claim("alive", family.id());
  uint64_t alive = file.inode;
  file = {};
  family.header().names_looked = 0;
  EXPECT_THROW(SharedMemory::attach(unique_name("dead")), FileNotFoundError);
  EXPECT_NO_THROW(SharedMemory::attach(unique_name("used")));
  EXPECT_NO_THROW(SharedMemory::attach(unique_name("alive")));
  // What is not a claim, or not of a file, is left alone.
  ASSERT_EQ(internal::write_claim({.inode = 77, .family = 1, .name = unique_name("alive")}), 0);
  ASSERT_EQ(symlink("nonsense", "/dev/shm/mp.99"), 0);
  family.header().names_looked = 0;
  used.close();
  EXPECT_THROW(SharedMemory::attach(unique_name("used")), FileNotFoundError);
  EXPECT_NO_THROW(SharedMemory::attach(unique_name("alive")));
  EXPECT_EQ(names().count("mp.4d"), 0u);
  EXPECT_EQ(names().count("mp.99"), 1u);
  unlink("/dev/shm/mp.99");
  internal::unname_shared_file(unique_name("alive"), alive);
}

TEST(SharedMemory, TheNameOfADeadFamilysFileIsFree) {
  internal::Family& family = internal::Family::get();
  family.header().names_looked = 1;
  std::string name = unique_name("stale");
  internal::SharedFile file;
  ASSERT_EQ(internal::make_shared_file(10, &file), 0);
  ASSERT_EQ(internal::write_claim({.inode = file.inode, .family = 1, .name = name}), 0);
  ASSERT_EQ(internal::name_shared_file(file, name), 0);
  EXPECT_THROW(SharedMemory::create(name, 20), FileExistsError);  // in use
  file = {};
  auto m = SharedMemory::create(name, 20);
  EXPECT_EQ(SharedMemory::attach(name).size(), 20);
  m.unlink();
}

}  // namespace
}  // namespace mp
