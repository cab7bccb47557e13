// bench/report.h
//
// What a run found: medians, ratios and goals, as a table, as Markdown, and as JSON.

#ifndef MP_BENCH_REPORT_H_
#define MP_BENCH_REPORT_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/json.h"
#include "bench/row.h"

namespace bench {

// One column of one row. Nanoseconds per operation, one per repetition.
struct Cell {
  std::vector<double> wall;
  std::vector<double> cpu;
  // Why it could not be measured; empty if it was. A cell with a reason has no figure, whatever it
  // holds.
  std::string reason;

  std::optional<double> wall_median() const { return reason.empty() ? median(wall) : std::nullopt; }
  std::optional<double> cpu_median() const { return reason.empty() ? median(cpu) : std::nullopt; }
};

struct Result {
  const Row* row = nullptr;
  std::map<std::string, Cell> cells;  // by column

  std::optional<double> wall(const std::string& column) const;
  // `column` may also be "threads": the faster of the twin and the plain standard library.
  std::optional<double> opponent(const std::string& column) const;
  // How many times as fast "processes" is.
  std::optional<double> ratio(const std::string& column) const;
};

enum class Style { kText, kMarkdown };

// "2.0x faster", "1.5x slower"; "-" if there is no ratio.
std::string ratio_text(std::optional<double> ratio);

std::string table(const std::vector<Result>& results, Style style);

// The file of --json.
Json to_json(const Json& context, const std::vector<Result>& results);

}  // namespace bench

#endif  // MP_BENCH_REPORT_H_
