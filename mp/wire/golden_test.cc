// Today's code writes the bytes in golden/v1, and reads them. After a deliberate change of the format:
//
//   ./tools/bazel run //mp/wire:golden_test -- --write=$PWD/mp/wire/golden/v2

#include "mp/wire/golden.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/verify.h"

namespace mp::testing {
namespace {

const char kGolden[] = "mp/wire/golden/v1/";

TEST(Golden, TodaysBytesAreThoseOfTheRelease) {
  for (const Golden& golden : golden_values()) {
    AlignedFile file(std::string(kGolden) + golden.name + ".bin");
    Encoder e;
    golden.write(e);
    ASSERT_TRUE(std::equal(e.message().begin(), e.message().end(), file.bytes().begin(),
                           file.bytes().end()))
        << golden.name;
  }
}

TEST(Golden, TodaysCodeReadsTheRelease) {
  for (const Golden& golden : golden_values()) {
    AlignedFile file(std::string(kGolden) + golden.name + ".bin");
    EXPECT_EQ(internal::verify(file.bytes(), false), absl::OkStatus()) << golden.name;
    golden.check(file.bytes());
    EXPECT_FALSE(::testing::Test::HasFailure()) << golden.name;
  }
}

}  // namespace
}  // namespace mp::testing

int main(int argc, char** argv) {
  constexpr std::string_view kWrite = "--write=";
  if (argc == 2 && std::string_view(argv[1]).substr(0, kWrite.size()) == kWrite) {
    for (const mp::testing::Golden& golden : mp::testing::golden_values()) {
      mp::Encoder e;
      golden.write(e);
      std::ofstream out(std::string(argv[1] + kWrite.size()) + "/" + golden.name + ".bin",
                        std::ios::binary);
      out.write(reinterpret_cast<const char*>(e.message().data()),
                static_cast<std::streamsize>(e.message().size()));
    }
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
