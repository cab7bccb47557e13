// The code of release v1 reads every message in golden/, also those of later releases: what it does not know it sees as an
// unknown type. It links nothing of today's.

#include <dirent.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mp/wire/released/v1/value_generated.h"

namespace mp::wire {
namespace {

std::set<std::string> files(const std::string& directory) {
  std::set<std::string> names;
  DIR* d = opendir(directory.c_str());
  EXPECT_NE(d, nullptr) << directory;
  for (dirent* entry; d != nullptr && (entry = readdir(d)) != nullptr;) {
    if (entry->d_name[0] != '.') {
      names.insert(directory + "/" + entry->d_name);
    }
  }
  closedir(d);
  return names;
}

std::vector<uint64_t> read(const std::string& path, size_t* size) {
  std::ifstream in(path, std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  *size = all.size();
  std::vector<uint64_t> words(all.size() / 8 + 1);
  std::copy(all.begin(), all.end(), reinterpret_cast<char*>(words.data()));
  return words;
}

TEST(ReleasedV1, ReadsEveryGoldenMessage) {
  int n = 0;
  for (const std::string& release : files("mp/wire/golden")) {
    for (const std::string& path : files(release)) {
      size_t size;
      std::vector<uint64_t> words = read(path, &size);
      flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(words.data()), size);
      EXPECT_TRUE(VerifyValueBuffer(verifier)) << path;
      EXPECT_NE(GetValue(words.data())->value_type(), Any::NONE) << path;
      ++n;
    }
  }
  EXPECT_GE(n, 39);
}

TEST(ReleasedV1, FindsTheContent) {
  size_t size;
  std::vector<uint64_t> words = read("mp/wire/golden/v1/fields.bin", &size);
  const Fields* fields = GetValue(words.data())->value_as_Fields();
  ASSERT_NE(fields, nullptr);
  ASSERT_EQ(fields->items()->size(), 4u);
  EXPECT_EQ(fields->items()->Get(0)->value_as_Int()->value(), 7);
  EXPECT_EQ(fields->items()->Get(1)->value_as_Text()->value()->str(), "Ada");
  const List* route = fields->items()->Get(2)->value_as_List();
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->items()->Get(1)->value_as_Float64s()->value()->Get(0), 3.0);
  EXPECT_TRUE(fields->items()->Get(3)->value_as_Bool()->value());
}

}  // namespace
}  // namespace mp::wire
