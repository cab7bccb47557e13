// The main of a corpus test: every file of the folders given as arguments goes through the fuzz target, once.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<std::string> g_folders;

TEST(Corpus, EveryInputIsHandled) {
  size_t count = 0;
  for (const std::string& folder : g_folders) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      SCOPED_TRACE(entry.path().string());
      std::ifstream file(entry.path(), std::ios::binary);
      ASSERT_TRUE(file);
      std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
      EXPECT_EQ(
          LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), 0);
      ++count;
    }
  }
  std::printf("%zu inputs\n", count);
  ASSERT_GT(count, 0u) << "no corpus";
}

// What no corpus needs to say.
TEST(Corpus, AnEmptyInputIsHandled) { EXPECT_EQ(LLVMFuzzerTestOneInput(nullptr, 0), 0); }

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  g_folders.assign(argv + 1, argv + argc);
  return RUN_ALL_TESTS();
}
