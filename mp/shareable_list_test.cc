#include "mp/shareable_list.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "mp/errors.h"
#include "mp/queue.h"

namespace mp {
namespace {

std::string unique_name(const std::string& what) {
  return "mptest_list_" + what + std::to_string(getpid());
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

std::vector<Object> items(const ShareableList& list) { return {list.begin(), list.end()}; }

// Unlinks at the end of its scope.
struct Unlink {
  const ShareableList& list;
  ~Unlink() { list.shm().unlink(); }
};

// Runs Python; "" when there is none. `script` ends its output with "ok" if it came so far.
std::string python(const std::string& script) {
  if (access("/usr/bin/python3", X_OK) != 0) {
    return "";
  }
  std::string command =
      "/usr/bin/python3 -c '\nfrom multiprocessing import shared_memory, "
      "resource_tracker\n" +
      script + "\nprint(\"ok\")' 2>&1";
  std::string output;
  FILE* f = popen(command.c_str(), "r");
  char text[512];
  while (f != nullptr && fgets(text, sizeof text, f) != nullptr) {
    output += text;
  }
  if (f != nullptr) {
    pclose(f);
  }
  return output;
}

// Before 3.13 attaching makes Python's tracker an owner, who unlinks at exit.
constexpr const char* kAttach =
    "def attach(name):\n"
    "    a = shared_memory.ShareableList(name=name)\n"
    "    resource_tracker.unregister(a.shm._name, \"shared_memory\")\n"
    "    return a\n";

TEST(ShareableList, HoldsWhatItWasMadeOf) {
  ShareableList a({"howdy", Bytes("HoWdY"), -273.154, 100, None, true, 42});
  Unlink end{a};
  EXPECT_EQ(a.size(), 7);
  EXPECT_EQ(a[0], "howdy");
  EXPECT_EQ(a[1], Bytes("HoWdY"));
  EXPECT_EQ(a[2].as<double>(), -273.154);
  EXPECT_EQ(a[3].as<int>(), 100);
  EXPECT_TRUE(a.get(4).is_none());
  EXPECT_EQ(a[5], true);
  EXPECT_EQ(a[-1], 42);
  EXPECT_EQ(a[-7], "howdy");
  std::ostringstream out;
  out << a;
  EXPECT_EQ(out.str(), "ShareableList(['howdy', b'HoWdY', -273.154, 100, None, True, 42], name='" +
                           a.shm().name() + "')");
  EXPECT_EQ(a.format(), "8s8sdqxxxxxx?xxxxxxxx?q");
}

TEST(ShareableList, AnItemChangesInPlaceAndMayChangeItsType) {
  ShareableList a({1, "two", 3.0});
  Unlink end{a};
  a[0] = a[0].as<int>() + 1;
  a[1] = a[0];
  a[2] = "12345678";
  EXPECT_EQ(items(a), (std::vector<Object>{2, 2, "12345678"}));
  a[1] = false;
  a[2] = None;
  EXPECT_EQ(items(a), (std::vector<Object>{2, false, None}));
  EXPECT_EQ(a.format(), "qxxxxxxx?xxxxxx?x");
  a[2] = Bytes("ab");
  EXPECT_EQ(a.format(), "qxxxxxxx?8s");
}

TEST(ShareableList, PlacesOutOfRangeAreErrorsBothWays) {
  ShareableList a({1, 2});
  Unlink end{a};
  for (int64_t i : {int64_t{2}, int64_t{-3}, std::numeric_limits<int64_t>::max(),
                    std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(thrown<IndexError>([&] { a.get(i); }), "index out of range");
    EXPECT_EQ(thrown<IndexError>([&] { a[i] = 1; }), "assignment index out of range");
  }
}

TEST(ShareableList, TooLongATextIsAnErrorAndChangesNothing) {
  ShareableList a({"12345678", Bytes("1234567"), 5});
  Unlink end{a};
  EXPECT_EQ(a.format(), "16s8sq");
  a[0] = std::string(16, 'x');
  for (int i : {0, 1, 2}) {
    Object before = a.get(i);
    EXPECT_EQ(thrown<ValueError>([&] { a[i] = std::string(17, 'y'); }),
              "bytes/str item exceeds available storage");
    EXPECT_EQ(a.get(i), before);
  }
  a[2] = std::string(8, 'z');
  EXPECT_EQ(a[2], "zzzzzzzz");
}

TEST(ShareableList, ARoomCountsBytesNotCharacters) {
  std::string long_text;
  for (int i = 0; i < 15; ++i) {
    long_text += "é";
  }
  ShareableList a({long_text, "encodés"});
  Unlink end{a};
  EXPECT_EQ(a[0], long_text);
  EXPECT_EQ(a.format(), "32s8s");
}

TEST(ShareableList, ZerosAtTheEndOfATextAreKept) {
  ShareableList a({std::string("a\0b\0\0", 5), Bytes("\0\0", 2), "", Bytes("12345678")});
  Unlink end{a};
  EXPECT_EQ(a[0], std::string("a\0b\0\0", 5));
  EXPECT_EQ(a[1], Bytes("\0\0", 2));
  EXPECT_EQ(a[2], "");
  a[3] = Bytes("abc\0", 4);
  EXPECT_EQ(ShareableList::attach(a.shm().name())[3], Bytes("abc\0", 4));
  a[3] = Bytes("abc");
  EXPECT_EQ(a[3], Bytes("abc"));
  a[3] = 7;
  a[3] = "abc";
  EXPECT_EQ(a[3], "abc");
  a[0] = std::string(8, '\0');
  EXPECT_EQ(a[0], std::string(8, '\0'));
}

TEST(ShareableList, WhatIsNoItemIsPythonsError) {
  EXPECT_EQ(thrown<KeyError>([] { ShareableList({list({1})}); }), "<class 'list'>");
  ShareableList a({1});
  Unlink end{a};
  EXPECT_EQ(thrown<KeyError>([&] { a[0] = dict(); }), "<class 'dict'>");
  EXPECT_EQ(thrown<ValueError>([&] { a[0] = std::numeric_limits<uint64_t>::max(); }),
            "argument out of range");
  EXPECT_EQ(a[0], 1);
  EXPECT_NE(thrown<AssertionError>([] { ShareableList({std::string(10'000'000, 'x')}); }),
            "nothing");
}

TEST(ShareableList, CountsAndFinds) {
  ShareableList a({42, "x", 42.0, true});
  Unlink end{a};
  EXPECT_EQ(a.count(42), 2);
  EXPECT_EQ(a.count("adios"), 0);
  EXPECT_EQ(a.index("x"), 1);
  EXPECT_EQ(thrown<ValueError>([&] { a.index("zz"); }), "'zz' not in this container");
}

TEST(ShareableList, MayBeEmptyOrMadeOfARange) {
  ShareableList empty;
  EXPECT_EQ(empty.size(), 0);
  EXPECT_EQ(empty.format(), "");
  EXPECT_EQ(empty.begin(), empty.end());
  EXPECT_THROW(empty.get(0), IndexError);
  EXPECT_EQ(ShareableList::attach(empty.shm().name()).size(), 0);
  empty.shm().unlink();
  auto a = ShareableList::from(std::vector<int>{1, 2, 3});
  auto b = ShareableList::from(a, unique_name("copy"));
  b[0] = 77;
  EXPECT_EQ(items(a), (std::vector<Object>{1, 2, 3}));
  EXPECT_EQ(items(ShareableList::attach(unique_name("copy"))), (std::vector<Object>{77, 2, 3}));
  EXPECT_FALSE(a == b);
  a.shm().unlink();
  b.shm().unlink();
}

TEST(ShareableList, CrossesAsAHandle) {
  ShareableList a({1, "two"});
  Queue<ShareableList> q;
  q.put(a);
  auto b = q.get();
  EXPECT_EQ(a, b);
  b[1] = "three";
  EXPECT_EQ(a[1], "three");
  q.put(a);
  a.shm().unlink();
  EXPECT_THROW(q.get(), FileNotFoundError);
}

TEST(ShareableList, IsNotUsedAfterItsMemoryWasClosed) {
  ShareableList a({1});
  a.shm().close();
  EXPECT_THROW(a.get(0), ValueError);
  EXPECT_THROW(a.set(0, 1), ValueError);
  a.shm().unlink();
}

TEST(ShareableList, DamagedBytesAreAnErrorAndNeverReadBeyond) {
  auto m = SharedMemory::create(33);
  auto put = [&](size_t at, uint64_t word) { std::memcpy(m.buf().data() + at, &word, 8); };
  auto opens = [&] {
    try {
      ShareableList list = ShareableList::attach(m.name());
      for (int64_t i = 0; i < list.size(); ++i) {
        try {
          list.get(i);
        } catch (const ValueError&) {
        }
      }
      return true;
    } catch (const ValueError& e) {
      EXPECT_EQ(e.what(), "mp: " + repr(m) + " holds no ShareableList");
      return false;
    }
  };
  EXPECT_TRUE(opens());  // zeros are an empty list
  for (uint64_t count : {uint64_t{1}, uint64_t{2}, ~uint64_t{0}, uint64_t{1} << 62}) {
    put(0, count);
    EXPECT_FALSE(opens());
  }
  m.unlink();
  // Each byte of a list changed in each way: an error, or some value.
  ShareableList list({"text", 5});
  Unlink end{list};
  std::span<std::byte> bytes = list.shm().buf();
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::byte before = bytes[at];
    for (int v = 0; v < 256; ++v) {
      bytes[at] = static_cast<std::byte>(v);
      try {
        for (Object o : ShareableList::attach(list.shm().name())) {
          repr(o);
        }
      } catch (const ValueError&) {
      }
    }
    bytes[at] = before;
  }
  EXPECT_EQ(items(list), (std::vector<Object>{"text", 5}));
}

TEST(ShareableList, PythonReadsAndWritesOurs) {
  std::string name = unique_name("ours");
  ShareableList a({"howdy", Bytes("Ho\0", 3), -273.154, 100, None, true, 42, "encodés"}, name);
  Unlink end{a};
  std::string said = python(std::string(kAttach) + "a = attach(\"" + name +
                            "\")\n"
                            "print(list(a), a.format)\n"
                            "a[0] = \"by Py\"\n"
                            "a[1] = b\"12345678\"\n"
                            "a[3] = -1\n"
                            "a[4] = 2.5\n"
                            "a[5] = None\n"
                            "a[6] = False\n"
                            "a.shm.close()\n");
  if (said.empty()) {
    GTEST_SKIP() << "no /usr/bin/python3";
  }
  EXPECT_EQ(said,
            "['howdy', b'Ho', -273.154, 100, None, True, 42, 'encodés'] "
            "8s8sdqxxxxxx?xxxxxxxx?q8s\nok\n");
  EXPECT_EQ(items(a), (std::vector<Object>{"by Py", Bytes("12345678"), -273.154, -1, 2.5, None,
                                           false, "encodés"}));
}

TEST(ShareableList, WeReadAndWritePythons) {
  std::string name = unique_name("theirs");
  // It hands the name over by unregistering it: then no tracker unlinks it.
  std::string said = python(
      "a = shared_memory.ShareableList([\"howdy\", b\"Ho\", -273.154, 100, None, True, "
      "-42, \"é\" * 8], name=\"" +
      name +
      "\")\n"
      "resource_tracker.unregister(a.shm._name, \"shared_memory\")\n"
      "a.shm.close()\n");
  if (said.empty()) {
    GTEST_SKIP() << "no /usr/bin/python3";
  }
  ASSERT_EQ(said, "ok\n");
  auto a = ShareableList::attach(name);
  Unlink end{a};
  EXPECT_EQ(items(a), (std::vector<Object>{"howdy", Bytes("Ho"), -273.154, 100, None, true, -42,
                                           "éééééééé"}));
  EXPECT_EQ(a.format(), "8s8sdqxxxxxx?xxxxxxxx?q16s");
  a[0] = "by mp";
  a[1] = 1;
  a[2] = Bytes("ab\0", 3);  // there is no room for what tells how many zeros those were
  EXPECT_EQ(a[2], Bytes("ab"));
  a[3] = None;
  a[4] = true;
  said = python(std::string(kAttach) + "a = attach(\"" + name + "\")\nprint(list(a), a.format)\n");
  EXPECT_EQ(said,
            "['by mp', 1, b'ab', None, True, True, -42, 'éééééééé'] "
            "8sq8sxxxxxx?xxxxxxxx?xxxxxxx?q16s\nok\n");
}

}  // namespace
}  // namespace mp
