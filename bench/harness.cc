#include "bench/harness.h"

#include <regex.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "bench/context.h"
#include "bench/figures.h"
#include "bench/json.h"
#include "bench/launch.h"
#include "bench/paths.h"
#include "bench/report.h"
#include "bench/row.h"
#include "bench/variant.h"
#include "bench/worker.h"

namespace bench {
namespace {

constexpr char kUsage[] =
    "usage: ./tools/bazel run -c opt //bench -- [options]\n"
    "\n"
    "  --rows=REGEX        only the rows whose whole name matches\n"
    "  --repetitions=N     medians of N repetitions (default 7)\n"
    "  --quick             a hundredth of the work, once: shows that everything runs, its figures "
    "mean nothing\n"
    "  --json=FILE         writes the figures as JSON\n"
    "  --markdown[=FILE]   prints the table as Markdown, or writes it to FILE\n"
    "  --python=PROGRAM    the Python to compare with (default /usr/bin/python3, then python3 in "
    "PATH)\n"
    "  --timeout=SECONDS   a single measurement may take this long (default 60)\n"
    "\n"
    "Exit status: 0 all was measured that this build and machine have, 1 a measurement failed, 2 "
    "wrong use.\n";

constexpr int kQuickDivisor = 100;

struct Options {
  std::string rows = ".*";
  std::string json;
  std::string markdown;
  std::string python;
  bool print_markdown = false;
  bool quick = false;
  int repetitions = 0;
  double timeout = 60;
  // Set in a worker.
  std::string worker;
  int64_t operations = 0;
};

// The text behind "--name=", if the argument begins so.
std::optional<std::string> value_of(const char* argument, const char* name) {
  const size_t n = std::strlen(name);
  if (std::strncmp(argument, name, n) != 0) return std::nullopt;
  return std::string(argument + n);
}

bool parse(int argc, char** argv, Options* options, std::string* error) {
  for (int i = 1; i < argc; ++i) {
    const char* a = argv[i];
    if (std::strcmp(a, "--quick") == 0) {
      options->quick = true;
    } else if (std::strcmp(a, "--markdown") == 0) {
      options->print_markdown = true;
    } else if (auto rows = value_of(a, "--rows=")) {
      options->rows = *rows;
    } else if (auto json = value_of(a, "--json=")) {
      options->json = from_working_directory(*json);
    } else if (auto markdown = value_of(a, "--markdown=")) {
      options->markdown = from_working_directory(*markdown);
    } else if (auto python = value_of(a, "--python=")) {
      options->python = *python;
    } else if (auto repetitions = value_of(a, "--repetitions=")) {
      options->repetitions = std::atoi(repetitions->c_str());
      if (options->repetitions < 1) {
        *error = "--repetitions needs a number from 1";
        return false;
      }
    } else if (auto timeout = value_of(a, "--timeout=")) {
      options->timeout = std::atof(timeout->c_str());
      if (!(options->timeout > 0)) {
        *error = "--timeout needs seconds";
        return false;
      }
    } else if (auto worker = value_of(a, kWorkerFlag)) {
      options->worker = *worker;
    } else if (auto operations = value_of(a, "--operations=")) {
      options->operations = std::atoll(operations->c_str());
    } else {
      *error = std::string("unknown option '") + a + "'";
      return false;
    }
  }
  if (options->repetitions == 0) options->repetitions = options->quick ? 1 : 7;
  return true;
}

// One line, rewritten in place on a terminal; elsewhere a line for each row of each repetition.
class Progress {
 public:
  explicit Progress(int total) : total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() { clear(); }

  void show(const std::string& repetition, const std::string& row, const std::string& column) {
    ++done_;
    if (terminal_) {
      std::fprintf(stderr, "\r\033[K[%d/%d] %s: %s, %s", done_, total_, repetition.c_str(),
                   row.c_str(), column.c_str());
      std::fflush(stderr);
    } else if (repetition + row != last_) {
      std::fprintf(stderr, "[%d/%d] %s: %s\n", done_, total_, repetition.c_str(), row.c_str());
      last_ = repetition + row;
    }
  }

  // A line that stays.
  void say(const std::string& text) {
    clear();
    std::fprintf(stderr, "%s\n", text.c_str());
  }

 private:
  void clear() {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }

  const int total_;
  const bool terminal_;
  int done_ = 0;
  std::string last_;
};

// The Python that takes part, and why there is none.
struct Python {
  std::string program;
  std::string script;
  std::string version;
  std::string reason;
};

Python find_python(const std::string& asked, double seconds) {
  Python python;
  python.script = runfile("bench/versus/python_rival.py");
  if (python.script.empty()) {
    python.reason = "python_rival.py is not among the runfiles: start the benchmark through Bazel";
    return python;
  }
  std::vector<std::string> candidates{"/usr/bin/python3", "python3"};
  if (!asked.empty()) candidates = {asked};
  for (const std::string& candidate : candidates) {
    const Outcome outcome =
        launch({candidate, "-c",
                "import platform, multiprocessing; print(platform.python_implementation(), "
                "platform.python_version())"},
               seconds);
    if (outcome.failure.empty()) {
      python.program = candidate;
      python.version = outcome.output.substr(0, outcome.output.find('\n'));
      python.reason.clear();
      return python;
    }
    python.reason = "no usable python3: " + outcome.failure;
  }
  return python;
}

Measurement measure_python(const Python& python, const Row& row, int64_t operations,
                           double seconds) {
  Measurement measurement;
  const Outcome outcome =
      launch({python.program, python.script, row.name, std::to_string(operations)}, seconds);
  measurement.failure = outcome.failure;
  if (!measurement.failure.empty()) return measurement;
  std::string error;
  const std::optional<Json> line = Json::parse(outcome.output, &error);
  const double* wall = line ? (*line)["ns_per_op"].number() : nullptr;
  const double* cpu = line ? (*line)["cpu_ns_per_op"].number() : nullptr;
  if (wall == nullptr || cpu == nullptr) {
    measurement.failure = "python_rival.py printed no figures " + error;
    return measurement;
  }
  measurement.wall = *wall;
  measurement.cpu = *cpu;
  return measurement;
}

// The columns of a row that are run, in the order in which they take turns.
std::vector<std::string> columns_to_run(const Result& result) {
  std::vector<std::string> columns;
  for (const Variant& variant : result.row->variants) columns.push_back(variant.column);
  columns.push_back(kPython);
  columns.erase(
      std::remove_if(columns.begin(), columns.end(),
                     [&](const std::string& c) { return !result.cells.at(c).reason.empty(); }),
      columns.end());
  return columns;
}

// Does the expression match the whole of a row's name?
class RowFilter {
 public:
  explicit RowFilter(const std::string& expression)
      : error_(regcomp(&compiled_, ("^(" + expression + ")$").c_str(), REG_EXTENDED | REG_NOSUB)) {}
  ~RowFilter() {
    if (error_ == 0) regfree(&compiled_);
  }
  RowFilter(const RowFilter&) = delete;
  RowFilter& operator=(const RowFilter&) = delete;

  // What is wrong with the expression; empty if nothing is.
  std::string error() const {
    if (error_ == 0) return "";
    char text[200];
    regerror(error_, &compiled_, text, sizeof text);
    return text;
  }
  bool matches(const std::string& name) const {
    return regexec(&compiled_, name.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_;
  const int error_;
};

std::vector<Result> plan(const RowFilter& wanted, const Python& python) {
  std::vector<Result> results;
  for (const Row& row : rows()) {
    if (!wanted.matches(row.name)) continue;
    Result result;
    result.row = &row;
    for (const Variant& variant : row.variants) {
      Cell& cell = result.cells[variant.column];
      if (variant.body.run == nullptr) cell.reason = variant.body.unavailable;
    }
    result.cells[kPython].reason = row.python_operations == 0 ? row.no_python : python.reason;
    results.push_back(std::move(result));
  }
  return results;
}

// Repetitions are outermost and the variants of a row follow each other at once, A B C A B C: a
// drift of the machine meets all variants alike, and a disturbance meets one repetition of a few
// rows. Returns the number of failed measurements.
int measure_all(const Options& options, const Python& python, std::vector<Result>& results) {
  int total = 0;
  for (const Result& result : results) {
    total += static_cast<int>(columns_to_run(result).size()) * options.repetitions;
  }
  int failures = 0;
  Progress progress(total);
  for (int repetition = 1; repetition <= options.repetitions; ++repetition) {
    const std::string which =
        "repetition " + std::to_string(repetition) + " of " + std::to_string(options.repetitions);
    for (Result& result : results) {
      const Row& row = *result.row;
      for (const std::string& column : columns_to_run(result)) {
        progress.show(which, row.name, column);
        const bool is_python = column == kPython;
        int64_t operations = is_python ? row.python_operations : row.variant(column)->operations;
        if (options.quick) operations = std::max<int64_t>(2, operations / kQuickDivisor);
        const Measurement m = is_python ? measure_python(python, row, operations, options.timeout)
                                        : measure(row.name, column, operations, options.timeout);
        Cell& cell = result.cells[column];
        if (m.failure.empty() && m.wall > 0) {
          cell.wall.push_back(m.wall);
          cell.cpu.push_back(m.cpu);
        } else {
          // One failure is one too many: a figure of the repetitions that went well would hide it.
          cell.reason = which + " failed: " + (m.failure.empty() ? "no time passed" : m.failure);
          progress.say("bench: " + row.name + ", " + column + ": " + cell.reason);
          ++failures;
        }
      }
    }
  }
  return failures;
}

// Asked before the minutes of measuring.
bool can_write(const std::string& path) {
  if (path.empty() || std::ofstream(path, std::ios::app)) return true;
  std::fprintf(stderr, "bench: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  return false;
}

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) std::fprintf(stderr, "bench: cannot write %s\n", path.c_str());
  return !file.fail();
}

std::string describe(const Json& context) {
  auto text = [&](const char* key) {
    const std::string* s = context[key].string();
    return s == nullptr ? std::string("unknown") : *s;
  };
  std::string line = text("cpu_model") + ", " + context["cores"].dump() + " cores, " +
                     text("kernel") + ", " + text("compiler") + ", " + text("python") +
                     ", commit " + text("commit") + ", " + text("date");
  line += "\nMedians of " + context["repetitions"].dump() + " repetitions, " +
          context["seconds"].dump() + " s";
  if (const double* stolen = context["stolen_percent"].number()) {
    char percent[64];
    std::snprintf(percent, sizeof percent, ", %.1f %% of the processors' time stolen by the host",
                  *stolen);
    line += percent;
  }
  return line + "\n\n";
}

}  // namespace

int run(int argc, char** argv) {
  Options options;
  std::string error;
  if (argc == 2 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (!parse(argc, argv, &options, &error)) {
    std::fprintf(stderr, "bench: %s\n%s", error.c_str(), kUsage);
    return 2;
  }
  if (!options.worker.empty()) return run_worker(options.worker, options.operations);

  const RowFilter wanted(options.rows);
  if (!wanted.error().empty()) {
    std::fprintf(stderr, "bench: --rows=%s: %s\n", options.rows.c_str(), wanted.error().c_str());
    return 2;
  }
  if (!unfit_build().empty()) {
    std::fprintf(
        stderr,
        "bench: %s: its figures mean nothing. Measure with: ./tools/bazel run -c opt //bench\n",
        unfit_build().c_str());
    if (!options.quick) return 2;
  }

  if (!can_write(options.json) || !can_write(options.markdown)) return 2;
  const Python python = find_python(options.python, options.timeout);
  std::vector<Result> results = plan(wanted, python);
  if (results.empty()) {
    std::fprintf(stderr, "bench: no row matches '%s'; there are:\n", options.rows.c_str());
    for (const Row& row : rows()) std::fprintf(stderr, "  %s\n", row.name.c_str());
    return 2;
  }

  Json::Object context = describe_machine();
  context.emplace_back("python", python.version.empty() ? Json() : Json(python.version));
  context.emplace_back("repetitions", options.repetitions);
  context.emplace_back("quick", options.quick);
  if (load_average() > 0.5 && !options.quick) {
    std::fprintf(stderr, "bench: the machine is not idle (load average %.1f): expect noise\n",
                 load_average());
  }

  const ProcessorTimes before = processor_times();
  const auto start = Clock::now();
  const int failures = measure_all(options, python, results);
  const ProcessorTimes after = processor_times();
  const double ticks = after.total - before.total;
  context.emplace_back("seconds", std::round(seconds_since(start)));
  context.emplace_back("stolen_percent",
                       ticks > 0 ? Json(100 * (after.stolen - before.stolen) / ticks) : Json());

  const Json described(std::move(context));
  bool written = true;
  if (!options.json.empty()) {
    written = write_file(options.json, to_json(described, results).dump(3) + "\n");
  }
  if (!options.markdown.empty()) {
    written =
        write_file(options.markdown, describe(described) + table(results, Style::kMarkdown)) &&
        written;
  }
  const Style style = options.print_markdown ? Style::kMarkdown : Style::kText;
  std::printf("%s%s", describe(described).c_str(), table(results, style).c_str());
  if (options.quick || !unfit_build().empty()) {
    std::printf("\nThis was a smoke run: everything was run, but the figures mean nothing.\n");
  }
  if (failures > 0) std::printf("\n%d figures could not be measured: see the notes.\n", failures);
  return written && failures == 0 ? 0 : 1;
}

}  // namespace bench
