// _TestSharedMemory and TestSharedMemoryNames of the reference. Two of its tests need another program
// and are in //mp:shared_memory_crash_test.

#include "mp/shared_memory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "mp/bytes.h"
#include "mp/internal/core/shared_memory_core.h"
#include "mp/object.h"
#include "mp/parity/backends.h"
#include "mp/queue.h"
#include "mp/shareable_list.h"

namespace mp::testing {
namespace {

template <class B>
class TestSharedMemory : public ParityTest {
 protected:
  // Several of these tests may run at once.
  static std::string name(const std::string& prefix) {
    return prefix + B::kName + std::to_string(getpid());
  }
};
TYPED_TEST_SUITE(TestSharedMemory, Backends, BackendNames);

std::string first(const SharedMemory& m, size_t count) {
  return std::string(reinterpret_cast<const char*>(m.buf().data()), count);
}
void write(const SharedMemory& m, const std::string& text) {
  std::memcpy(m.buf().data(), text.data(), text.size());
}
std::string error_name(const std::function<void()>& call) {
  std::string error = error_of(call);
  return error.substr(0, error.find(':'));
}
std::vector<Object> items(const ShareableList& list) { return {list.begin(), list.end()}; }

// What travels between processes, whatever the backend: the reference's pickle.
template <class T>
T pickled(const T& value) {
  Queue<T> q;
  q.put(value);
  return q.get();
}

TYPED_TEST(TestSharedMemory, test_shared_memory_name_with_embedded_null) {
  auto sms = SharedMemory::create(this->name("test01_null"), 512);
  std::string null = sms.name() + std::string("\0a", 2);
  EXPECT_EQ(error_name([&] { SharedMemory({.name = null, .size = 512}); }), "ValueError");
  EXPECT_EQ(error_name([&] { SharedMemory::create(null, 512); }), "ValueError");
  sms.unlink();
}

TYPED_TEST(TestSharedMemory, test_shared_memory_basics) {
  std::string name = this->name("test01_tsmb");
  SharedMemory sms({.name = name, .create = true, .size = 512});
  EXPECT_EQ(sms.name(), name);
  EXPECT_GE(sms.size(), 512);
  EXPECT_GE(sms.buf().size(), static_cast<size_t>(sms.size()));
  std::ostringstream str;
  str << sms;
  EXPECT_EQ(str.str(), "SharedMemory('" + name + "', size=512)");
  sms.buf()[0] = std::byte{42};
  EXPECT_EQ(sms.buf()[0], std::byte{42});
  SharedMemory also_sms({.name = name});
  EXPECT_EQ(also_sms.buf()[0], std::byte{42});
  also_sms.close();
  SharedMemory same_sms({.name = name, .size = 20 * sms.size()});
  EXPECT_LT(same_sms.size(), 20 * sms.size());
  same_sms.close();
  EXPECT_EQ(error_name([] { SharedMemory({.create = true, .size = -2}); }), "ValueError");
  EXPECT_EQ(error_name([] { SharedMemory({.create = false}); }), "ValueError");
  {
    std::string twice = this->name("test01_dblunlink");
    auto sms_uno = SharedMemory::create(twice, 5000);
    EXPECT_GE(sms_uno.size(), 5000);
    auto sms_duo = SharedMemory::attach(twice);
    sms_duo.unlink();
    sms_duo.close();
    sms_uno.close();
    EXPECT_EQ(error_of([&] { sms_uno.unlink(); }),
              "FileNotFoundError: [Errno 2] No such file or directory: '/" + twice + "'");
  }
  EXPECT_EQ(error_of([&] { SharedMemory::create(name, 512); }),
            "FileExistsError: [Errno 17] File exists: '/" + name + "'");
  EXPECT_EQ(error_of([] { SharedMemory::attach("test01_notthere"); }),
            "FileNotFoundError: [Errno 2] No such file or directory: '/test01_notthere'");
  sms.close();
  sms.unlink();
}

TYPED_TEST(TestSharedMemory, test_shared_memory_recreate) {
  static std::vector<std::string> made;
  made = {"psm_test03fn", "psm_test03fn", "psm_test04fn"};
  auto original = internal::g_make_name;
  internal::g_make_name = [] {
    std::string name = made.front();
    made.erase(made.begin());
    return name;
  };
  auto shm1 = SharedMemory::create(1);
  auto shm2 = SharedMemory::create(1);
  internal::g_make_name = original;
  EXPECT_EQ(shm1.name(), "psm_test03fn");
  EXPECT_EQ(shm2.name(), "psm_test04fn");
  shm1.unlink();
  shm2.unlink();
}

TYPED_TEST(TestSharedMemory, test_invalid_shared_memory_creation) {
  EXPECT_EQ(error_of([] { SharedMemory({.create = true, .size = -1}); }),
            "ValueError: 'size' must be a positive integer");
  EXPECT_EQ(error_of([] { SharedMemory({.create = true, .size = 0}); }),
            "ValueError: 'size' must be a positive number different from zero");
  EXPECT_EQ(error_of([] { SharedMemory({.create = true}); }),
            "ValueError: 'size' must be a positive number different from zero");
}

TYPED_TEST(TestSharedMemory, test_shared_memory_pickle_unpickle) {
  for (bool named : {false, true}) {
    auto sms =
        named ? SharedMemory::create(this->name("test_pickle"), 512) : SharedMemory::create(512);
    write(sms, "pickle");
    SharedMemory sms2 = pickled(sms);
    EXPECT_EQ(sms.name(), sms2.name());
    EXPECT_EQ(first(sms, 6), "pickle");
    EXPECT_EQ(first(sms2, 6), "pickle");
    write(sms, "newval");
    EXPECT_EQ(first(sms2, 6), "newval");
    write(sms2, "oldval");
    EXPECT_EQ(first(sms, 6), "oldval");
    sms.unlink();
  }
}

TYPED_TEST(TestSharedMemory, test_shared_memory_pickle_unpickle_dead_object) {
  for (bool named : {false, true}) {
    auto sms =
        named ? SharedMemory::create(this->name("test_dead"), 512) : SharedMemory::create(512);
    write(sms, "pickle");
    Queue<SharedMemory> pickled_sms;
    pickled_sms.put(sms);
    sms.close();
    sms.unlink();
    EXPECT_EQ(error_name([&] { pickled_sms.get(); }), "FileNotFoundError");
  }
}

void attach_by_name_then_write(std::string name, std::string text) {
  auto sms = SharedMemory::attach(name);
  write(sms, text);
  sms.close();
}
void write_to(SharedMemory sms, std::string text) { write(sms, text); }

TYPED_TEST(TestSharedMemory, test_shared_memory_across_processes) {
  for (bool named : {false, true}) {
    auto sms =
        named ? SharedMemory::create(this->name("test_across"), 512) : SharedMemory::create(512);
    auto p = start<TypeParam>(attach_by_name_then_write, sms.name(), std::string("howdy"));
    finish(p);
    EXPECT_EQ(first(sms, 5), "howdy");
    auto q = start<TypeParam>(write_to, sms, std::string("HELLO"));
    finish(q);
    EXPECT_EQ(first(sms, 5), "HELLO");
    sms.close();
    sms.unlink();
  }
}

TYPED_TEST(TestSharedMemory, test_shared_memory_ShareableList_basics) {
  ShareableList sl({"howdy", Bytes("HoWdY"), -273.154, 100, None, true, 42});
  std::ostringstream str;
  str << sl;
  EXPECT_NE(str.str().find(sl.shm().name()), std::string::npos);
  EXPECT_NE(str.str().find("['howdy', b'HoWdY', -273.154, 100, None, True, 42]"),
            std::string::npos);

  EXPECT_EQ(error_of([&] { sl.get(7); }), "IndexError: index out of range");
  EXPECT_EQ(error_of([&] { sl[7] = 2; }), "IndexError: assignment index out of range");

  sl[0] = "howdy";
  EXPECT_EQ(sl.format(), "8s8sdqxxxxxx?xxxxxxxx?q");
  EXPECT_EQ(sl.size(), 7);

  EXPECT_EQ(error_of([&] { sl.index("100"); }), "ValueError: '100' not in this container");
  EXPECT_EQ(sl.index(100), 3);
  EXPECT_EQ(sl[0], "howdy");
  EXPECT_EQ(sl[-2], true);
  EXPECT_EQ(items(sl),
            (std::vector<Object>{"howdy", Bytes("HoWdY"), -273.154, 100, None, true, 42}));

  sl[3] = 42;
  EXPECT_EQ(sl[3], 42);
  sl[4] = "some";  // another type at a place
  EXPECT_EQ(sl[4], "some");
  EXPECT_EQ(sl.format(), "8s8sdq8sxxxxxxx?q");
  constexpr char kTooLong[] = "ValueError: bytes/str item exceeds available storage";
  EXPECT_EQ(error_of([&] { sl[4] = "far too many"; }), kTooLong);
  EXPECT_EQ(sl[4], "some");
  sl[0] = "encodés";  // exactly 8 bytes
  EXPECT_EQ(sl[0], "encodés");
  EXPECT_EQ(sl[1], Bytes("HoWdY"));                            // nothing spilled
  EXPECT_EQ(error_of([&] { sl[0] = "encodées"; }), kTooLong);  // exactly 9
  EXPECT_EQ(sl[1], Bytes("HoWdY"));
  EXPECT_EQ(error_of([&] { sl[1] = Bytes("123456789"); }), kTooLong);
  EXPECT_EQ(sl[1], Bytes("HoWdY"));

  EXPECT_EQ(sl.count(42), 2);
  EXPECT_EQ(sl.count(Bytes("HoWdY")), 1);
  EXPECT_EQ(sl.count(Bytes("adios")), 0);

  auto sl_copy = ShareableList::from(sl, this->name("test03_duplicate"));
  EXPECT_NE(sl.shm().name(), sl_copy.shm().name());
  EXPECT_EQ(sl_copy.shm().name(), this->name("test03_duplicate"));
  EXPECT_EQ(items(sl), items(sl_copy));
  EXPECT_EQ(sl.format(), sl_copy.format());
  sl_copy[-1] = 77;
  EXPECT_EQ(sl_copy[-1], 77);
  EXPECT_NE(sl.get(-1), Object(77));
  sl_copy.shm().close();
  sl_copy.shm().unlink();

  auto sl_tethered = ShareableList::attach(sl.shm().name());
  EXPECT_EQ(sl.shm().name(), sl_tethered.shm().name());
  sl_tethered[-1] = 880;
  EXPECT_EQ(sl[-1], 880);
  sl_tethered.shm().close();
  sl.shm().close();
  sl.shm().unlink();

  ShareableList empty_sl;
  EXPECT_EQ(empty_sl.size(), 0);
  EXPECT_EQ(empty_sl.format(), "");
  EXPECT_EQ(empty_sl.count("any"), 0);
  EXPECT_EQ(error_of([&] { empty_sl.index(None); }), "ValueError: None not in this container");
  empty_sl.shm().close();
  empty_sl.shm().unlink();
}

TYPED_TEST(TestSharedMemory, test_shared_memory_ShareableList_pickling) {
  std::vector<int> range{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  auto sl = ShareableList::from(range);
  ShareableList deserialized_sl = pickled(sl);
  EXPECT_EQ(deserialized_sl[-1], 9);
  deserialized_sl[4] = "changed";
  EXPECT_EQ(sl[4], "changed");
  sl[3] = "newvalue";
  EXPECT_EQ(deserialized_sl[3], "newvalue");

  auto larger_sl = ShareableList::from(std::vector<int>(400, 1));
  auto size = [](const ShareableList& list) {
    Encoder& e = Encoder::local();
    internal::encode_message(e, list);
    return e.message().size();
  };
  EXPECT_EQ(size(sl), size(larger_sl));
  larger_sl.shm().unlink();
  sl.shm().unlink();
}

TYPED_TEST(TestSharedMemory, test_shared_memory_ShareableList_pickling_dead_object) {
  auto sl = ShareableList::from(std::vector<int>{0, 1, 2});
  Queue<ShareableList> serialized_sl;
  serialized_sl.put(sl);
  sl.shm().close();
  sl.shm().unlink();
  EXPECT_EQ(error_name([&] { serialized_sl.get(); }), "FileNotFoundError");
}

void create_and_wait(Queue<std::string> names, std::string name) {
  auto m = name.empty() ? SharedMemory::create(10) : SharedMemory::create(name, 10);
  names.put(m.name());
  for (;;) {
    pause();
  }
}

TYPED_TEST(TestSharedMemory, test_shared_memory_cleaned_after_process_termination) {
  if constexpr (TypeParam::kProcesses) {
    for (const std::string& name : {std::string(), this->name("test_cleaned")}) {
      Queue<std::string> names;
      auto p = start<TypeParam>(create_and_wait, names, name);
      std::string created = names.get();
      p.terminate();
      p.join();
      EXPECT_EQ(error_name([&] { SharedMemory::attach(created); }), "FileNotFoundError");
    }
  } else {
    GTEST_SKIP() << "a thread cannot be terminated";
  }
}

template <class B>
class TestSharedMemoryNames : public TestSharedMemory<B> {};
TYPED_TEST_SUITE(TestSharedMemoryNames, Backends, BackendNames);

TYPED_TEST(TestSharedMemoryNames,
           test_that_shared_memory_name_with_colons_has_no_resource_tracker_errors) {
  for (const char* text : {"a:b:c:", "a\nb", "a.b 'c' \xff"}) {
    auto m = SharedMemory::create(this->name(text), 10);
    EXPECT_EQ(SharedMemory::attach(m.name()), m);
    m.close();
    m.unlink();
  }
}

}  // namespace
}  // namespace mp::testing
