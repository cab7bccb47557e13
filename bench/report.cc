#include "bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace bench {
namespace {

std::string format(const char* pattern, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

// Three digits that mean something.
std::string digits(double value) {
  if (value >= 100) return format("%.0f", value);
  return format(value >= 10 ? "%.1f" : "%.2f", value);
}

struct Unit {
  const char* name;
  double nanoseconds;
};

// One unit per row, so that its figures can be compared at a glance.
Unit unit_of(const Result& result) {
  double smallest = 0;
  for (const auto& cell : result.cells) {
    std::optional<double> wall = cell.second.wall_median();
    if (wall && (smallest == 0 || *wall < smallest)) smallest = *wall;
  }
  return smallest < 2000 ? Unit{"ns", 1} : Unit{"us", 1e3};
}

std::string figure(std::optional<double> ns, Unit unit) {
  return ns ? digits(*ns / unit.nanoseconds) : "-";
}

// Wall time, and behind it CPU time.
std::string both(const Result& result, const std::string& column, Unit unit) {
  auto cell = result.cells.find(column);
  if (cell == result.cells.end() || !cell->second.wall_median()) return "-";
  return figure(cell->second.wall_median(), unit) + " (" + figure(cell->second.cpu_median(), unit) +
         ")";
}

bool is_rival(const std::string& column) {
  return column != kProcesses && column != kThreadsTwin && column != kThreadsStd &&
         column != kPython;
}

std::string goal_text(const Target& target) {
  if (target.required < 1)
    return "at most " + digits(1 / target.required) + "x of " + target.against;
  if (target.required == 1) return "as fast as " + target.against;
  return format("%g", target.required) + "x " + target.against;
}

std::string target_text(const Result& result, const Target& target) {
  std::optional<double> ratio = result.ratio(target.against);
  std::string text = goal_text(target) + ": ";
  if (!ratio) return text + "not measured";
  text += *ratio >= target.required ? "reached" : "MISSED";
  if (target.aim > 0 && *ratio >= target.aim) text += ", aim " + format("%gx", target.aim) + " too";
  // What the goal is about is in the row; how far off it is says this.
  text += target.required < 1 ? " (" + digits(1 / *ratio) + "x)" : " (" + digits(*ratio) + "x)";
  return text;
}

std::string joined(const std::vector<std::string>& lines, const char* separator) {
  std::string text;
  for (const std::string& line : lines) {
    if (!text.empty()) text += separator;
    text += line;
  }
  return text;
}

// The reasons of all figures that are missing, and the row's remark.
std::vector<std::string> notes(const Result& result) {
  std::vector<std::string> lines;
  auto add = [&](const std::string& column) {
    auto cell = result.cells.find(column);
    if (cell != result.cells.end() && !cell->second.reason.empty()) {
      lines.push_back(column + ": " + cell->second.reason);
    }
  };
  for (const Variant& variant : result.row->variants) add(variant.column);
  add(kPython);
  if (!result.row->remark.empty()) lines.push_back(result.row->remark);
  return lines;
}

// A table cell is one or more lines.
using Line = std::vector<std::vector<std::string>>;

Line table_line(const Result& result) {
  const Unit unit = unit_of(result);
  Line line;
  line.push_back({result.row->name});
  line.push_back({unit.name});
  for (const char* column : {kProcesses, kThreadsTwin, kThreadsStd, kPython}) {
    line.push_back({both(result, column, unit)});
  }
  line.push_back({ratio_text(result.ratio("threads"))});
  line.push_back({ratio_text(result.ratio(kPython))});
  std::vector<std::string> rivals;
  for (const Variant& variant : result.row->variants) {
    if (!is_rival(variant.column)) continue;
    std::string text = variant.column + " " + both(result, variant.column, unit);
    if (result.ratio(variant.column)) text += " " + ratio_text(result.ratio(variant.column));
    rivals.push_back(text);
  }
  if (rivals.empty()) rivals.push_back("-");
  line.push_back(rivals);
  std::vector<std::string> targets;
  for (const Target& target : result.row->targets) targets.push_back(target_text(result, target));
  if (targets.empty()) targets.push_back("-");
  line.push_back(targets);
  return line;
}

const std::vector<std::string>& headings() {
  static const std::vector<std::string>& all = *new std::vector<std::string>{
      "row",    "unit",       "processes", "threads_twin", "threads_std",
      "python", "vs threads", "vs Python", "rivals",       "target"};
  return all;
}

constexpr char kLegend[] =
    "Median wall time per operation (in parentheses: CPU time per operation, user + system, of all "
    "processes that take "
    "part).\n\"vs\" says how much faster or slower processes are; threads are the faster of "
    "threads_twin (mp::dummy) and "
    "threads_std.\n";

std::string text_table(const std::vector<Line>& lines) {
  std::vector<size_t> width;
  for (const std::string& heading : headings()) width.push_back(heading.size());
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      for (const std::string& text : line[i]) width[i] = std::max(width[i], text.size());
    }
  }
  std::string out;
  auto print = [&](const std::vector<std::string>& texts) {
    std::string printed;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) printed += "  ";
      const std::string padding(width[i] - texts[i].size(), ' ');
      // Figures to the right, words to the left.
      printed += i >= 2 && i <= 7 ? padding + texts[i] : texts[i] + padding;
    }
    printed.erase(printed.find_last_not_of(' ') + 1);
    out += printed + "\n";
  };
  print(headings());
  std::vector<std::string> rule;
  for (size_t w : width) rule.push_back(std::string(w, '-'));
  print(rule);
  for (const Line& line : lines) {
    size_t height = 1;
    for (const auto& cell : line) height = std::max(height, cell.size());
    for (size_t y = 0; y < height; ++y) {
      std::vector<std::string> texts;
      for (const auto& cell : line) texts.push_back(y < cell.size() ? cell[y] : "");
      print(texts);
    }
  }
  return out;
}

std::string markdown_table(const std::vector<Line>& lines) {
  std::string out = "| " + joined(headings(), " | ") + " |\n|";
  for (size_t i = 0; i < headings().size(); ++i) out += i >= 2 && i <= 7 ? "---:|" : "---|";
  out += "\n";
  for (const Line& line : lines) {
    out += "|";
    for (const auto& cell : line) out += " " + joined(cell, "<br>") + " |";
    out += "\n";
  }
  return out;
}

}  // namespace

std::optional<double> Result::wall(const std::string& column) const {
  auto cell = cells.find(column);
  return cell == cells.end() ? std::nullopt : cell->second.wall_median();
}

std::optional<double> Result::opponent(const std::string& column) const {
  if (column != "threads") return wall(column);
  std::optional<double> twin = wall(kThreadsTwin);
  std::optional<double> plain = wall(kThreadsStd);
  if (twin && plain) return std::min(*twin, *plain);
  return twin ? twin : plain;
}

std::optional<double> Result::ratio(const std::string& column) const {
  std::optional<double> own = wall(kProcesses);
  std::optional<double> other = opponent(column);
  if (!own || !other || *own <= 0) return std::nullopt;
  return *other / *own;
}

std::string ratio_text(std::optional<double> ratio) {
  if (!ratio || *ratio <= 0) return "-";
  return *ratio >= 1 ? digits(*ratio) + "x faster" : digits(1 / *ratio) + "x slower";
}

std::string table(const std::vector<Result>& results, Style style) {
  std::vector<Line> lines;
  for (const Result& result : results) lines.push_back(table_line(result));
  std::string out = style == Style::kText ? text_table(lines) : markdown_table(lines);
  out += "\n";
  out += kLegend;
  out += style == Style::kText ? "\nOperations and notes\n" : "\n";
  for (const Result& result : results) {
    std::string text = result.row->operation;
    for (const std::string& note : notes(result)) text += "; " + note;
    out +=
        style == Style::kText ? "  " + result.row->name + ": " : "- `" + result.row->name + "`: ";
    out += text + "\n";
  }
  return out;
}

Json to_json(const Json& context, const std::vector<Result>& results) {
  Json::Array all;
  for (const Result& result : results) {
    Json::Object row{{"name", result.row->name}, {"unit", "ns/op"}};
    Json::Object cpu;
    Json::Object samples;
    Json::Object rivals;
    Json::Object rival_cpu;
    Json::Object rival_samples;
    auto add = [&](const std::string& column, Json::Object& walls, Json::Object& cpus,
                   Json::Object& raw) {
      auto cell = result.cells.find(column);
      const Cell none;
      const Cell& found = cell == result.cells.end() ? none : cell->second;
      walls.emplace_back(column, found.wall_median());
      cpus.emplace_back(column, found.cpu_median());
      Json::Array values;
      if (found.reason.empty()) {
        for (double ns : found.wall) values.emplace_back(ns);
      }
      raw.emplace_back(column, std::move(values));
    };
    for (const char* column : {kProcesses, kThreadsTwin, kThreadsStd, kPython}) {
      add(column, row, cpu, samples);
    }
    for (const Variant& variant : result.row->variants) {
      if (is_rival(variant.column)) add(variant.column, rivals, rival_cpu, rival_samples);
    }
    cpu.emplace_back("rivals", std::move(rival_cpu));
    samples.emplace_back("rivals", std::move(rival_samples));
    row.emplace_back("rivals", std::move(rivals));
    row.emplace_back("cpu", std::move(cpu));

    Json::Object ratios{{"threads", result.ratio("threads")}, {"python", result.ratio(kPython)}};
    for (const Variant& variant : result.row->variants) {
      if (is_rival(variant.column))
        ratios.emplace_back(variant.column, result.ratio(variant.column));
    }
    row.emplace_back("times_faster_than", std::move(ratios));

    Json::Array targets;
    for (const Target& target : result.row->targets) {
      std::optional<double> ratio = result.ratio(target.against);
      Json::Object one{{"against", target.against}, {"required", target.required}};
      if (target.aim > 0) one.emplace_back("aim", target.aim);
      one.emplace_back("ratio", ratio);
      one.emplace_back("reached", ratio ? Json(*ratio >= target.required) : Json());
      targets.emplace_back(std::move(one));
    }
    row.emplace_back("targets", std::move(targets));
    row.emplace_back("operation", result.row->operation);
    row.emplace_back("notes", joined(notes(result), "; "));
    row.emplace_back("samples", std::move(samples));
    all.emplace_back(std::move(row));
  }
  return Json::Object{{"context", context}, {"rows", std::move(all)}};
}

}  // namespace bench
