#include "bench/report.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/json.h"
#include "bench/row.h"

namespace bench {
namespace {

const Row& queue_row() {
  static const Row& row = *new Row{
      .name = "queue_256B",
      .operation = "one message",
      .variants = {{kProcesses, {}, 1},
                   {kThreadsTwin, {}, 1},
                   {kThreadsStd, {}, 1},
                   {"rival", {}, 1}},
      .python_operations = 1,
      .targets = {{"threads", 1.7, 2}, {"rival", 3}, {"rival", 1 / 1.5}, {"absent", 1}},
      .remark = "a remark",
  };
  return row;
}

Result queue_result() {
  Result result;
  result.row = &queue_row();
  result.cells[kProcesses] = {{150, 100, 900}, {200, 180, 1000}, ""};
  result.cells[kThreadsTwin] = {{400, 400, 400}, {500, 500, 500}, ""};
  result.cells[kThreadsStd] = {{300, 310, 290}, {350, 350, 350}, ""};
  result.cells["rival"] = {{75, 75, 75}, {75, 75, 75}, ""};
  result.cells[kPython] = {{5000}, {6000}, "no python3"};
  return result;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Median, TakesTheMiddle) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), std::nullopt);
}

TEST(Report, ComparesWithTheFasterOfTheTwinAndTheStandardLibrary) {
  Result result = queue_result();
  EXPECT_DOUBLE_EQ(*result.ratio("threads"), 2);
  EXPECT_DOUBLE_EQ(*result.ratio("rival"), 0.5);
  result.cells[kThreadsStd].reason = "broken";
  EXPECT_DOUBLE_EQ(*result.ratio("threads"), 400.0 / 150);
  EXPECT_FALSE(result.ratio(kPython).has_value());
  EXPECT_FALSE(result.ratio("absent").has_value());
}

TEST(Report, SaysFasterOrSlower) {
  EXPECT_EQ(ratio_text(2.0), "2.00x faster");
  EXPECT_EQ(ratio_text(0.5), "2.00x slower");
  EXPECT_EQ(ratio_text(std::nullopt), "-");
}

TEST(Report, PrintsFiguresRatiosAndGoals) {
  const std::string text = table({queue_result()}, Style::kText);
  EXPECT_TRUE(contains(text, "150 (200)")) << text;
  EXPECT_TRUE(contains(text, "2.00x faster"));
  EXPECT_TRUE(contains(text, "rival 75.0 (75.0) 2.00x slower"));
  EXPECT_TRUE(contains(text, "1.7x threads: reached, aim 2x too (2.00x)"));
  EXPECT_TRUE(contains(text, "3x rival: MISSED (0.50x)"));
  EXPECT_TRUE(contains(text, "at most 1.50x of rival: MISSED (2.00x)"));
  EXPECT_TRUE(contains(text, "as fast as absent: not measured"));
  EXPECT_TRUE(contains(text, "python: no python3; a remark"));
}

TEST(Report, PrintsMarkdownWithOneLinePerRow) {
  const std::string text = table({queue_result()}, Style::kMarkdown);
  EXPECT_TRUE(contains(text, "| queue_256B | ns | 150 (200) |")) << text;
  EXPECT_TRUE(contains(text, "<br>3x rival"));
}

TEST(Report, WritesMediansAndNullsWithTheirReasons) {
  const Json json = to_json(Json::Object{{"cores", 2}}, {queue_result()});
  EXPECT_EQ(json["context"]["cores"].dump(), "2");
  const Json& row = (*json["rows"].array())[0];
  EXPECT_EQ(row["name"].dump(), "\"queue_256B\"");
  EXPECT_EQ(row["unit"].dump(), "\"ns/op\"");
  EXPECT_EQ(row["processes"].dump(), "150");
  EXPECT_EQ(row["threads_twin"].dump(), "400");
  EXPECT_EQ(row["threads_std"].dump(), "300");
  EXPECT_TRUE(row.has("python"));
  EXPECT_EQ(row["python"].dump(), "null");
  EXPECT_EQ(row["rivals"].dump(), "{\"rival\": 75}");
  EXPECT_EQ(row["cpu"]["processes"].dump(), "200");
  EXPECT_EQ(row["cpu"]["rivals"]["rival"].dump(), "75");
  EXPECT_EQ(row["samples"]["processes"].dump(), "[150, 100, 900]");
  EXPECT_EQ(row["samples"]["python"].dump(), "[]");
  EXPECT_EQ(row["notes"].dump(), "\"python: no python3; a remark\"");
  EXPECT_EQ((*row["targets"].array())[0]["reached"].dump(), "true");
  EXPECT_EQ((*row["targets"].array())[3]["reached"].dump(), "null");
}

}  // namespace
}  // namespace bench
