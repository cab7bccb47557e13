#include "bench/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace bench {
namespace {

Json read(const std::string& text) {
  std::string error;
  std::optional<Json> value = Json::parse(text, &error);
  EXPECT_TRUE(value.has_value()) << error;
  return value ? *value : Json();
}

std::string error_of(const std::string& text) {
  std::string error;
  EXPECT_FALSE(Json::parse(text, &error).has_value());
  return error;
}

TEST(Json, ReadsWhatItWrites) {
  std::string text =
      R"({"name": "queue \"a\"\n\t\\", "n": [1, -2.5, 1e-09, 12345678901], "none": null, "yes": true, "no": false, "o": {}, "a": []})";
  EXPECT_EQ(read(text).dump(), text);
  EXPECT_EQ(read(read(text).dump(3)).dump(), text);
}

TEST(Json, OpensTheAskedLevelsOnly) {
  EXPECT_EQ(read(R"({"a":[{"b":1}]})").dump(1), "{\n  \"a\": [{\"b\": 1}]\n}");
}

TEST(Json, FindsMembersAndGivesNullForMissingOnes) {
  Json value = read(R"({"a":{"b":7}})");
  ASSERT_NE(value["a"]["b"].number(), nullptr);
  EXPECT_EQ(*value["a"]["b"].number(), 7);
  EXPECT_TRUE(value["x"]["y"].is_null());
  EXPECT_TRUE(value.has("a"));
  EXPECT_FALSE(value.has("x"));
}

TEST(Json, DecodesEscapes) { EXPECT_EQ(*read(R"("\u0041\u00e4\u20ac\/")").string(), "Aä€/"); }

TEST(Json, WritesNoNumberForInfinityOrNan) {
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).dump(), "null");
  EXPECT_EQ(Json(std::numeric_limits<double>::quiet_NaN()).dump(), "null");
}

TEST(Json, SaysWhatIsWrong) {
  EXPECT_NE(error_of("").find("missing"), std::string::npos);
  EXPECT_NE(error_of("{\"a\" 1}").find("':'"), std::string::npos);
  EXPECT_NE(error_of("[1, 2").find("']'"), std::string::npos);
  EXPECT_NE(error_of("[1] x").find("after"), std::string::npos);
  EXPECT_NE(error_of("\"abc").find("does not end"), std::string::npos);
  EXPECT_NE(error_of("nul").find("not a JSON value"), std::string::npos);
  EXPECT_NE(error_of(std::string(100000, '[')).find("deep"), std::string::npos);
}

}  // namespace
}  // namespace bench
