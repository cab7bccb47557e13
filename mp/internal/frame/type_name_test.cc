#include "mp/internal/frame/type_name.h"

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "gtest/gtest.h"

namespace app {
struct Order {};
template <class T>
struct Box {};
}  // namespace app

namespace mp::internal {
namespace {

template <class T>
std::string name() {
  return pretty_name(type_name<T>());
}

TEST(TypeName, IsWrittenAsPeopleDo) {
  EXPECT_EQ(name<int>(), "int");
  EXPECT_EQ(name<std::string>(), "std::string");
  EXPECT_EQ(name<std::string_view>(), "std::string_view");
  EXPECT_EQ((name<std::map<std::string, std::vector<int>>>()),
            "std::map<std::string, std::vector<int>>");
  EXPECT_EQ(name<app::Order>(), "app::Order");
  EXPECT_EQ(name<app::Box<std::string>>(), "app::Box<std::string>");
}

TEST(TypeName, IsTheSameAtRunTime) {
  EXPECT_EQ(pretty_name(typeid(std::string)), "std::string");
  EXPECT_EQ(pretty_name(typeid(std::vector<std::string>)), "std::vector<std::string>");
  EXPECT_EQ((pretty_name(typeid(std::map<int, std::string>))), "std::map<int, std::string>");
  EXPECT_EQ(pretty_name(typeid(app::Order)), "app::Order");
  EXPECT_EQ(pretty_name(typeid(std::out_of_range)), "std::out_of_range");
}

TEST(TypeName, DiffersBetweenTypes) {
  static_assert(type_name<int>() != type_name<unsigned>());
  static_assert(type_name<int (*)(int)>() != type_name<int (*)(int) noexcept>());
}

TEST(TypeName, HashesDifferWithTextAndSeed) {
  static_assert(hash_of("a") != hash_of("b"));
  static_assert(hash_of("a", 1) != hash_of("a", 2));
  static_assert(hash_of("") != 0);
}

}  // namespace
}  // namespace mp::internal
