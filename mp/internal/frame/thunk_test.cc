#include "mp/internal/frame/thunk.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/function.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/message.h"
#include "mp/internal/os/module.h"

namespace mp::internal {
namespace {

[[gnu::noinline]] int add(int a, int b) { return a + b; }
int subtract(int a, int b) { return a - b; }

struct Held {
  int n;
  std::string operator()(std::string_view text) const {
    return std::string(text) + std::to_string(n);
  }
};

std::string bytes_of(const Encoder& e) {
  return std::string(reinterpret_cast<const char*>(e.message().data()), e.message().size());
}

// The result of a call's message, as an int or a text.
std::string run(const std::string& message) {
  std::vector<uint64_t> copy(message.size() / 8 + 1);
  std::memcpy(copy.data(), message.data(), message.size());
  Encoder result;
  run_call(Reader::open({reinterpret_cast<const std::byte*>(copy.data()), message.size()}),
           &result);
  Reader r = Reader::open(result.message());
  return r.is(Form::kText) ? std::string(r.text()) : std::to_string(r.integer());
}

std::vector<std::string> calls() {
  std::vector<std::string> all;
  Encoder e;
  encode_call(e, &add, 40, 2);
  all.push_back(bytes_of(e));
  encode_call(
      e, [](int a, int b) { return a * b; }, 6, 7);
  all.push_back(bytes_of(e));
  encode_call(e, mp::fn<&subtract>, 50, 8);
  all.push_back(bytes_of(e));
  encode_call(e, mp::bind(&subtract, 43), 1);
  all.push_back(bytes_of(e));
  encode_call(e, Held{2}, "4");
  all.push_back(bytes_of(e));
  encode_call(e, Function<int(int)>(mp::bind([](int a, int b) { return a + b; }, 2)), 40);
  all.push_back(bytes_of(e));
  return all;
}

std::string temporary(const std::string& name) {
  const char* directory = std::getenv("TEST_TMPDIR");
  return std::string(directory == nullptr ? "/tmp" : directory) + "/" + name + "." +
         std::to_string(getpid());
}

std::string output_of(const std::string& command) {
  std::string all;
  FILE* pipe = popen(command.c_str(), "r");
  char part[4096];
  for (size_t n; pipe != nullptr && (n = fread(part, 1, sizeof part, pipe)) > 0;) {
    all.append(part, n);
  }
  return pipe != nullptr && pclose(pipe) == 0 ? all : all + "(failed)";
}

// Calls `use` with every token that differs from `token` in one byte.
template <class Use>
int forge(const Token& token, Use use) {
  int forged = 0;
  for (size_t i = 0; i < sizeof token; ++i) {
    for (int change = 1; change < 256; ++change) {
      std::array<unsigned char, sizeof token> bytes;
      std::memcpy(bytes.data(), &token, sizeof token);
      bytes[i] ^= static_cast<unsigned char>(change);
      Token other;
      std::memcpy(&other, bytes.data(), sizeof other);
      use(other);
      ++forged;
    }
  }
  return forged;
}

TEST(Thunk, AForgedTokenIsAnErrorNeverACall) {
  Encoder e;
  encode_call(
      e, [](int a, int b) { return a * b; }, 6, 7);
  std::string call = bytes_of(e);
  std::vector<uint64_t> copy(call.size() / 8 + 1);
  std::memcpy(copy.data(), call.data(), call.size());
  Reader state;
  Token token = Reader::open({reinterpret_cast<const std::byte*>(copy.data()), call.size()})
                    .callable(&state, "a call");
  Encoder forged;
  int n = forge(token, [&](const Token& other) {
    forged.clear();
    forged.finish(forged.callable(other, forged.none()));
    EXPECT_THROW(run_call(Reader::open(forged.message())), CodecError);
  });
  EXPECT_EQ(n, 32 * 255);
  EXPECT_EQ(run(call), "42");
}

TEST(Thunk, AForgedPointerIsAnErrorNeverAPointer) {
  Encoder e;
  encode_message(e, &add);
  int64_t adjustment;
  Token token = Reader::open(e.message()).pointer(&adjustment, "");
  int n = forge(token, [&](const Token& other) {
    e.clear();
    e.finish(e.pointer(other, 0));
    EXPECT_THROW(decode_message<decltype(&add)>(e.message()), CodecError);
  });
  EXPECT_EQ(n, 32 * 255);
  for (int64_t other : {1, 8, -8}) {
    e.clear();
    e.finish(e.pointer(token, other));
    EXPECT_THROW(decode_message<decltype(&add)>(e.message()), CodecError);
  }
  e.clear();
  e.finish(e.pointer(token, 0));
  EXPECT_EQ(decode_message<decltype(&add)>(e.message()), &add);
}

TEST(Thunk, AnotherProcessOfTheProgramFindsTheCodeElsewhere) {
  std::string file = temporary("calls");
  std::ofstream out(file, std::ios::binary);
  for (const std::string& call : calls()) {
    uint64_t size = call.size();
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out.write(call.data(), static_cast<std::streamsize>(size));
  }
  out.close();
  char self[4096];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  ASSERT_GT(length, 0);
  std::string command = std::string(self, static_cast<size_t>(length)) + " --run-calls=" + file;
  EXPECT_EQ(output_of(command), "42 42 42 42 42 42 ");
  EXPECT_EQ(output_of(command), "42 42 42 42 42 42 ");
  unlink(file.c_str());
}

// Loads the library, compiled from testdata/plugin.cc.
class Plugin : public testing::Test {
 protected:
  void SetUp() override {
    library_ = temporary("plugin") + ".so";
    std::string compile =
        "g++ -std=c++20 -O1 -shared -fPIC -fno-gnu-unique -Wl,--build-id -I. -o " + library_ +
        " mp/internal/frame/testdata/plugin.cc 2>&1";
    ASSERT_EQ(output_of(compile), "");
    load();
  }
  void TearDown() override { unlink(library_.c_str()); }

  void load() {
    handle_ = dlopen(library_.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << dlerror();
  }
  void close() {
    dlclose(handle_);
    ASSERT_EQ(dlopen(library_.c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr) << "it stays loaded";
  }
  std::string call(bool pointer) {
    auto encode = reinterpret_cast<void (*)(Encoder*, bool)>(dlsym(handle_, "plugin_encode"));
    Encoder e;
    encode(&e, pointer);
    return bytes_of(e);
  }

 private:
  std::string library_;
  void* handle_ = nullptr;
};

TEST_F(Plugin, ItsCodeIsFoundWhileItIsLoaded) {
  std::string lambda = call(false);
  std::string pointer = call(true);
  EXPECT_EQ(run(lambda), "67");
  EXPECT_EQ(run(pointer), "42");
  close();
  EXPECT_THROW(run(lambda), CodecError);
  EXPECT_THROW(run(pointer), CodecError);
  load();
  EXPECT_EQ(run(lambda), "67");
  EXPECT_EQ(run(pointer), "42");
  EXPECT_EQ(call(false), lambda);
}

TEST(Module, NamesPlacesInEveryModule) {
  const void* const places[] = {reinterpret_cast<const void*>(&add),
                                reinterpret_cast<const void*>(&std::abort),
                                static_cast<const void*>(&std::cout)};
  for (const void* address : places) {
    Place place;
    ASSERT_TRUE(find_place(address, &place));
    EXPECT_NE(place.module, ModuleId());
    EXPECT_EQ(find_address(place), address);
    place.module.low ^= 1;
    EXPECT_EQ(find_address(place), nullptr);
    place.module.low ^= 1;
    place.offset = ~uint64_t{0} / 2;
    EXPECT_EQ(find_address(place), nullptr);
  }
  int local = 0;
  Place place;
  EXPECT_FALSE(find_place(&local, &place));
  EXPECT_FALSE(find_place(nullptr, &place));
}

TEST(Module, KnowsWhereFunctionsBegin) {
  auto at = [](uintptr_t address) { return reinterpret_cast<const void*>(address); };
  uintptr_t f = reinterpret_cast<uintptr_t>(&add);
  EXPECT_TRUE(is_function(at(f)));
  EXPECT_FALSE(is_function(at(f + 1)));
  EXPECT_FALSE(is_function(at(f - 1)));
  EXPECT_TRUE(is_function(reinterpret_cast<const void*>(&std::abort)));
  static int data = 0;
  EXPECT_FALSE(is_function(&data));
  EXPECT_FALSE(is_function(nullptr));
  EXPECT_EQ(function_name(at(f)), "mp::internal::(anonymous namespace)::add()");
}

}  // namespace
}  // namespace mp::internal

int main(int argc, char** argv) {
  constexpr std::string_view kRun = "--run-calls=";
  if (argc == 2 && std::string_view(argv[1]).substr(0, kRun.size()) == kRun) {
    std::ifstream in(std::string(argv[1] + kRun.size()), std::ios::binary);
    uint64_t size;
    while (in.read(reinterpret_cast<char*>(&size), sizeof size)) {
      std::string call(size, '\0');
      in.read(call.data(), static_cast<std::streamsize>(size));
      std::printf("%s ", mp::internal::run(call).c_str());
    }
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
