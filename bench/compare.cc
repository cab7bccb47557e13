#include "bench/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "bench/figures.h"

namespace bench {
namespace {

// Above this, a row's own scatter hides everything but a catastrophe.
constexpr double kBlindAbove = 0.5;

// The sample of one column, also a rival's; empty if it has none.
std::vector<double> sample(const Json& row, const std::string& column, bool rival) {
  std::vector<double> values;
  const Json& samples = rival ? row["samples"]["rivals"][column] : row["samples"][column];
  if (const Json::Array* array = samples.array()) {
    for (const Json& element : *array) {
      if (element.number() != nullptr && *element.number() > 0) values.push_back(*element.number());
    }
  }
  return values;
}

struct Control {
  std::string name;
  bool rival;
};

// Those that both files have measured.
std::vector<Control> controls(const Json& before, const Json& after) {
  std::vector<Control> found;
  if (const Json::Object* rivals = before["rivals"].object()) {
    for (const auto& rival : *rivals) {
      if (!sample(before, rival.first, true).empty() && !sample(after, rival.first, true).empty()) {
        found.push_back({rival.first, true});
      }
    }
  }
  if (found.empty() && !sample(before, kThreadsStd, false).empty() &&
      !sample(after, kThreadsStd, false).empty()) {
    found.push_back({kThreadsStd, false});
  }
  return found;
}

// Logarithms of column over the mean of the controls, per repetition.
std::vector<double> log_ratios(const Json& row, const std::string& column,
                               const std::vector<Control>& controls) {
  std::vector<double> ratios;
  const std::vector<double> own = sample(row, column, false);
  for (size_t i = 0; i < own.size(); ++i) {
    double sum = 0;
    for (const Control& control : controls) {
      const std::vector<double> values = sample(row, control.name, control.rival);
      // A file without one value per repetition has at least a median.
      sum += std::log(i < values.size() ? values[i] : *median(values));
    }
    ratios.push_back(std::log(own[i]) - sum / static_cast<double>(controls.size()));
  }
  return ratios;
}

// The standard error of a median, from the median deviation: one wild repetition does not matter.
double standard_error(const std::vector<double>& values) {
  const double middle = *median(values);
  std::vector<double> deviations;
  for (double value : values) deviations.push_back(std::fabs(value - middle));
  return 1.2533 * 1.4826 * *median(deviations) / std::sqrt(static_cast<double>(values.size()));
}

const Json* find_row(const Json& file, const std::string& name) {
  if (const Json::Array* rows = file["rows"].array()) {
    for (const Json& row : *rows) {
      if (row["name"].string() != nullptr && *row["name"].string() == name) return &row;
    }
  }
  return nullptr;
}

std::string percent(double fraction) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%+.1f %%", 100 * fraction);
  return buffer;
}

class Report {
 public:
  Report(const Json& before, const Json& after, double threshold)
      : before_(before), after_(after), threshold_(threshold) {}

  Comparison make() {
    if (!usable(before_, "the old file") || !usable(after_, "the new file")) {
      return {text_, 2};
    }
    for (const char* key : {"cpu_model", "cores"}) {
      const std::string was = before_["context"][key].dump();
      const std::string is = after_["context"][key].dump();
      if (was != is)
        say("warning: other machine: " + std::string(key) + " was " + was + ", is " + is);
    }
    line("row", "column", "old", "new", "change", "margin", "verdict");
    for (const Json& row : *before_["rows"].array()) {
      if (row["name"].string() != nullptr) add_row(*row["name"].string(), row);
    }
    for (const Json& row : *after_["rows"].array()) {
      if (row["name"].string() != nullptr && find_row(before_, *row["name"].string()) == nullptr) {
        line(*row["name"].string(), "", "", "", "", "", "new row");
      }
    }
    char summary[400];
    std::snprintf(summary, sizeof summary,
                  "\nold, new: median over the repetitions of mp's time divided by its controls' "
                  "time (the row's rivals, "
                  "or threads_std).\nNoise threshold %.0f %%, or three standard errors where a row "
                  "scatters more.\n"
                  "%d compared: %d slower, %d faster, %d not measurable, %d lost\n",
                  100 * threshold_, compared_, slower_, faster_, blind_, lost_);
    text_ += summary;
    // A look that could see nothing is no proof that nothing got slower.
    const bool saw_nothing = blind_ == compared_;
    return {text_, slower_ > 0 ? 1 : lost_ > 0 || saw_nothing ? 2 : 0};
  }

 private:
  bool usable(const Json& file, const char* which) {
    if (file["rows"].array() == nullptr) {
      say(std::string(which) + " is not a file of bench --json: it has no \"rows\"");
      return false;
    }
    const bool* quick = file["context"]["quick"].boolean();
    const std::string* build = file["context"]["build"].string();
    if ((quick != nullptr && *quick) || (build != nullptr && *build != "optimised")) {
      say(std::string(which) + " is a smoke run: its figures mean nothing");
      return false;
    }
    return true;
  }

  void add_row(const std::string& name, const Json& before) {
    const Json* after = find_row(after_, name);
    for (const char* column : {kProcesses, kThreadsTwin}) {
      if (sample(before, column, false).empty()) {
        const bool is_new = after != nullptr && !sample(*after, column, false).empty();
        line(name, column, "-", "-", "-", "-", is_new ? "new" : "not measured");
        continue;
      }
      if (after == nullptr || sample(*after, column, false).empty()) {
        const std::string* why = after == nullptr ? nullptr : (*after)["notes"].string();
        line(name, column, "", "", "", "", "LOST" + (why == nullptr ? "" : ": " + *why));
        ++lost_;
        continue;
      }
      add_column(name, column, before, *after);
    }
  }

  void add_column(const std::string& name, const std::string& column, const Json& before,
                  const Json& after) {
    const std::vector<Control> by = controls(before, after);
    if (by.empty()) {
      line(name, column, "", "", "", "", "LOST: no control was measured in both runs");
      ++lost_;
      return;
    }
    const std::vector<double> was = log_ratios(before, column, by);
    const std::vector<double> is = log_ratios(after, column, by);
    const double change = *median(is) - *median(was);
    const double margin =
        std::max(std::log1p(threshold_), 3 * std::hypot(standard_error(was), standard_error(is)));
    std::string verdict = "same";
    if (change > margin) {
      verdict = "SLOWER";
      ++slower_;
    } else if (change < -margin) {
      verdict = "faster";
      ++faster_;
    } else if (std::expm1(margin) > kBlindAbove) {
      verdict = "not measurable: it scatters too much";
      ++blind_;
    }
    ++compared_;
    char old_ratio[32], new_ratio[32];
    std::snprintf(old_ratio, sizeof old_ratio, "%.3f", std::exp(*median(was)));
    std::snprintf(new_ratio, sizeof new_ratio, "%.3f", std::exp(*median(is)));
    line(name, column, old_ratio, new_ratio, percent(std::expm1(change)),
         percent(std::expm1(margin)).substr(1), verdict);
  }

  void line(const std::string& row, const std::string& column, const std::string& was,
            const std::string& is, const std::string& change, const std::string& margin,
            const std::string& verdict) {
    char buffer[512];
    std::snprintf(buffer, sizeof buffer, "%-18s %-14s %8s %8s %10s %9s  %s", row.c_str(),
                  column.c_str(), was.c_str(), is.c_str(), change.c_str(), margin.c_str(),
                  verdict.c_str());
    say(buffer);
  }

  void say(const std::string& text) { text_ += text + "\n"; }

  const Json& before_;
  const Json& after_;
  const double threshold_;
  std::string text_;
  int compared_ = 0;
  int slower_ = 0;
  int faster_ = 0;
  int blind_ = 0;
  int lost_ = 0;
};

}  // namespace

Comparison compare(const Json& before, const Json& after, double threshold) {
  return Report(before, after, threshold).make();
}

}  // namespace bench
