#include "bench/compare.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bench {
namespace {

std::string list(const std::vector<double>& values) {
  std::string text = "[";
  for (double value : values) text += (text.size() > 1 ? "," : "") + std::to_string(value);
  return text + "]";
}

// A file with one row, as bench --json writes it.
Json file(const std::vector<double>& processes, const std::vector<double>& twin,
          const std::vector<double>& plain, const std::vector<double>& rival,
          const std::string& context =
              R"({"cpu_model": "X", "cores": 2, "quick": false, "build": "optimised"})") {
  const std::string rivals = rival.empty() ? "{}" : R"({"r": )" + list(rival) + "}";
  const std::string text = R"({"context": )" + context +
                           R"(, "rows": [{"name": "queue_256B", "unit": "ns/op", "rivals": )" +
                           rivals + R"(, "notes": "why not", "samples": {"processes": )" +
                           list(processes) + R"(, "threads_twin": )" + list(twin) +
                           R"(, "threads_std": )" + list(plain) + R"(, "python": [], "rivals": )" +
                           rivals + "}}]}";
  std::string error;
  std::optional<Json> value = Json::parse(text, &error);
  EXPECT_TRUE(value.has_value()) << error << " in " << text;
  return value ? *value : Json();
}

const std::vector<double> kMp{200, 201, 199, 202, 198};
const std::vector<double> kOther{400, 402, 398, 404, 396};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Compare, FindsNothingBetweenARunAndItself) {
  const Json run = file(kMp, kOther, kOther, kOther);
  const Comparison c = compare(run, run);
  EXPECT_EQ(c.status, 0) << c.text;
  EXPECT_TRUE(contains(c.text, "2 compared: 0 slower, 0 faster"));
  EXPECT_TRUE(contains(c.text, "0.500"));
}

TEST(Compare, FindsASlowdownBeyondTheThreshold) {
  const Json before = file(kMp, kOther, kOther, kOther);
  const Json after = file({250, 251, 249, 252, 248}, kOther, kOther, kOther);
  const Comparison c = compare(before, after);
  EXPECT_EQ(c.status, 1) << c.text;
  EXPECT_TRUE(contains(c.text, "SLOWER"));
  EXPECT_TRUE(contains(c.text, "+25.0 %")) << c.text;
}

TEST(Compare, LetsASlowdownBelowTheThresholdPass) {
  const Json before = file(kMp, kOther, kOther, kOther);
  const Json after = file({230, 231, 229, 232, 228}, kOther, kOther, kOther);
  EXPECT_EQ(compare(before, after).status, 0);
  EXPECT_EQ(compare(before, after, 0.1).status, 1);
}

TEST(Compare, CallsASpeedupFasterAndNotAFailure) {
  const Json before = file(kMp, kOther, kOther, kOther);
  const Json after = file({100, 101, 99, 102, 98}, kOther, kOther, kOther);
  const Comparison c = compare(before, after);
  EXPECT_EQ(c.status, 0);
  EXPECT_TRUE(contains(c.text, "1 faster")) << c.text;
}

TEST(Compare, IgnoresAMachineThatIsSlowerAsAWhole) {
  const Json before = file(kMp, kOther, kOther, kOther);
  const Json after = file({400, 402, 398, 404, 396}, {800, 804, 796, 808, 792},
                          {800, 804, 796, 808, 792}, {800, 804, 796, 808, 792});
  EXPECT_EQ(compare(before, after).status, 0);
}

TEST(Compare, FindsASlowdownThatTheTwinShares) {
  const Json before = file(kMp, kMp, kOther, kOther);
  const Json after = file(kOther, kOther, kOther, kOther);
  const Comparison c = compare(before, after);
  EXPECT_EQ(c.status, 1);
  EXPECT_TRUE(contains(c.text, "2 slower")) << c.text;
}

TEST(Compare, DropsADisturbanceThatMetAllVariantsOfOneRepetition) {
  const Json before = file(kMp, kOther, kOther, kOther);
  const Json after = file({200, 2010, 1990, 2020, 198}, {400, 4020, 3980, 4040, 396},
                          {400, 4020, 3980, 4040, 396}, {400, 4020, 3980, 4040, 396});
  EXPECT_EQ(compare(before, after).status, 0);
}

TEST(Compare, WidensTheMarginWhereRepetitionsScatter) {
  const Json before = file({100, 200, 300, 150, 250}, kOther, kOther, kOther);
  const Json after = file({130, 260, 390, 195, 325}, kOther, kOther, kOther);
  const Comparison c = compare(before, after);
  EXPECT_EQ(c.status, 0) << c.text;
  EXPECT_TRUE(contains(c.text, "not measurable")) << c.text;
}

TEST(Compare, ProvesNothingIfEveryRowScattersTooMuch) {
  const Json run = file({100, 200, 300, 150, 250}, {}, kOther, kOther);
  EXPECT_EQ(compare(run, run).status, 2);
}

TEST(Compare, TakesThreadsStdWhereARowHasNoRival) {
  const Json before = file(kMp, kMp, kOther, {});
  const Json after = file(kOther, kMp, kOther, {});
  const Comparison c = compare(before, after);
  EXPECT_EQ(c.status, 1);
  EXPECT_TRUE(contains(c.text, "+100.0 %")) << c.text;
}

TEST(Compare, SaysThatAFigureIsGoneAndWhy) {
  const Json before = file(kMp, kOther, kOther, kOther);
  const Comparison c = compare(before, file({}, kOther, kOther, kOther));
  EXPECT_EQ(c.status, 2);
  EXPECT_TRUE(contains(c.text, "LOST: why not")) << c.text;
}

TEST(Compare, CannotSayAnythingWithoutControls) {
  const Json before = file(kMp, kOther, kOther, kOther);
  EXPECT_EQ(compare(before, file(kMp, kOther, {}, {})).status, 2);
}

TEST(Compare, DoesNotCallANewFigureARegression) {
  const Json before = file({}, kOther, kOther, kOther);
  const Comparison c = compare(before, file(kMp, kOther, kOther, kOther));
  EXPECT_EQ(c.status, 0);
  EXPECT_TRUE(contains(c.text, " new"));
}

TEST(Compare, ProvesNothingIfNothingWasCompared) {
  const Json empty = file({}, {}, kOther, kOther);
  EXPECT_EQ(compare(empty, empty).status, 2);
}

TEST(Compare, RefusesSmokeRunsAndOtherFiles) {
  const Json run = file(kMp, kOther, kOther, kOther);
  const Json quick = file(kMp, kOther, kOther, kOther, R"({"quick": true, "build": "optimised"})");
  const Json slow = file(kMp, kOther, kOther, kOther,
                         R"({"quick": false, "build": "built without optimisation"})");
  EXPECT_EQ(compare(quick, run).status, 2);
  EXPECT_EQ(compare(run, slow).status, 2);
  EXPECT_EQ(compare(run, Json(Json::Object{})).status, 2);
}

TEST(Compare, WarnsOfAnotherMachine) {
  const Json run = file(kMp, kOther, kOther, kOther);
  const Json other =
      file(kMp, kOther, kOther, kOther,
           R"({"cpu_model": "Y", "cores": 2, "quick": false, "build": "optimised"})");
  EXPECT_TRUE(contains(compare(run, other).text, "other machine"));
}

}  // namespace
}  // namespace bench
