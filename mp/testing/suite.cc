#include "mp/testing/suite.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <regex>
#include <string_view>
#include <thread>

#include "mp/testing/symbols.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

// What a row's process tells: shared with it.
struct Report {
  std::atomic<double> share;
  std::atomic<bool> done;
  Totals totals;
  size_t length;
  char text[16 << 10];

  [[gnu::format(printf, 2, 3)]] void print(const char* format, ...) {
    va_list args;
    va_start(args, format);
    int n = std::vsnprintf(text + length, sizeof text - length, format, args);
    va_end(args);
    length = std::min(sizeof text - 1, length + static_cast<size_t>(std::max(n, 0)));
  }
};

// One process's work: a row, or one planted bug.
struct Job {
  std::string name;
  std::function<void(int cpu, Report&)> run;
  Report* report = nullptr;
  pid_t pid = 0;
  bool ended = false;
};

std::string name_of(const Scene& scene, Mode mode) {
  std::string name = scene.operation() + ", " + scene.state();
  return mode == Mode::kRecovery ? name + ", recoverer killed"
         : mode == Mode::kPause  ? name + ", stopped"
                                 : name;
}

constexpr const char* kRowFormat = "%-24s %-46s %12s %11s %9s %10s %8s\n";

std::string number(int64_t n) { return std::to_string(n); }

std::string seconds(double s) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", s);
  return text;
}

void print_violations(Report& report, const Row& row) {
  for (const Violation& v : row.first) {
    report.print("    %s at step %lld%s%s, 0x%zx %s: %s\n", to_string(v.outcome),
                 static_cast<long long>(v.step), v.recovery < 0 ? "" : " and recovery step ",
                 v.recovery < 0 ? "" : number(v.recovery).c_str(), static_cast<size_t>(v.address),
                 v.where.c_str(), v.text.c_str());
  }
  if (row.violations > static_cast<int64_t>(row.first.size())) {
    report.print("    ... in all");
    for (int i = 1; i < kOutcomes; ++i) {
      if (row.by_outcome[static_cast<size_t>(i)] != 0) {
        report.print(" %lld %s", static_cast<long long>(row.by_outcome[static_cast<size_t>(i)]),
                     to_string(static_cast<Outcome>(i)));
      }
    }
    report.print("\n");
  }
}

void run_plan(const Plan& plan, const SuiteOptions& options, int cpu, Report& report) {
  std::unique_ptr<Scene> scene = plan.make();
  RowOptions row_options{.stride = options.stride, .offset = options.offset, .cpu = cpu};
  row_options.progress = [&report](double share) { report.share = share; };
  Row row = run_row(*scene, plan.mode, row_options);
  bool pause = plan.mode == Mode::kPause;
  std::string state = row.state + (plan.mode == Mode::kRecovery ? ", recoverer killed"
                                   : pause                      ? ", stopped, nobody killed"
                                                                : "");
  report.totals.points = pause ? 0 : row.points;
  report.totals.deaths = pause ? 0 : row.deaths;
  report.totals.violations = row.violations;
  report.print(kRowFormat, row.operation.c_str(), state.c_str(), number(row.instructions).c_str(),
               pause ? "-" : number(row.points).c_str(), pause ? "-" : number(row.deaths).c_str(),
               number(row.violations).c_str(), seconds(row.seconds).c_str());
  if (row.strayed > 0) {
    report.print("    (%lld of the runs took another path and were judged all the same)\n",
                 static_cast<long long>(row.strayed));
  }
  print_violations(report, row);
}

void run_bug(const std::string& bug, const std::vector<Plan>& rows, int cpu, Report& report) {
  report.totals.bugs = 1;
  // First around the changes of the shared bytes, where bugs are; then everywhere.
  for (int stride : {1000, 1}) {
    for (size_t i = 0; i < rows.size() && report.totals.caught == 0; ++i) {
      std::unique_ptr<Scene> scene = rows[i].make();
      RowOptions row_options{.stride = stride, .enough = 1, .cpu = cpu};
      row_options.progress = [&report, &rows, i](double share) {
        report.share = (static_cast<double>(i) + share) / static_cast<double>(rows.size());
      };
      Row row = run_row(*scene, rows[i].mode, row_options);
      if (row.violations > 0) {
        report.totals.caught = 1;
        report.print("planted bug caught: %s\n  by %s\n", bug.c_str(),
                     name_of(*scene, rows[i].mode).c_str());
        print_violations(report, row);
      }
    }
  }
  if (report.totals.caught == 0) {
    report.print("planted bug NOT caught: %s\n", bug.c_str());
  }
}

Report* new_report() {
  void* at =
      mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    std::perror("mp::testing::Suite: mmap");
    std::abort();
  }
  return new (at) Report{};
}

void start(Job& job, int cpu, const SuiteOptions& options) {
  job.report = new_report();
  std::fflush(stdout);
  job.pid = fork();
  if (job.pid == 0) {
    {
      Watchdog dog(options.row_limit);
      job.run(cpu, *job.report);
    }
    job.report->done = true;
    _exit(0);
  }
  if (job.pid < 0) {
    std::perror("mp::testing::Suite: fork");
    std::abort();
  }
}

// Collects a job that has ended.
bool reap(Job& job) {
  int status = 0;
  if (job.pid == 0 || job.ended || waitpid(job.pid, &status, WNOHANG) != job.pid) {
    return false;
  }
  job.ended = true;
  if (!job.report->done) {
    ++job.report->totals.violations;
    job.report->print("%s\n    hang or crash of the harness itself: wait status 0x%x\n",
                      job.name.c_str(), status);
  }
  return true;
}

void print_progress(const std::vector<Job>& jobs) {
  size_t ended = 0;
  std::string running;
  for (const Job& job : jobs) {
    ended += job.ended ? 1 : 0;
    if (job.pid != 0 && !job.ended) {
      running += (running.empty() ? "" : " | ") + job.name + " " +
                 std::to_string(static_cast<int>(100 * job.report->share)) + "%";
    }
  }
  std::fprintf(stderr, "[%zu of %zu rows done] %s\n", ended, jobs.size(), running.c_str());
}

}  // namespace

Totals Suite::run(const SuiteOptions& options) const {
  using Clock = std::chrono::steady_clock;
  const std::regex only(options.only);
  auto wanted = [&](const std::string& name) { return std::regex_search(name, only); };
  std::vector<Job> jobs;
  for (const Plan& plan : rows_) {
    Job job{.name = name_of(*plan.make(), plan.mode),
            .run = [&](int cpu, Report& r) { run_plan(plan, options, cpu, r); }};
    if (wanted(job.name)) {
      jobs.push_back(std::move(job));
    }
  }
  for (const Bug& bug : bugs_) {
    if (wanted(bug.name)) {
      jobs.push_back({.name = "bug: " + bug.name,
                      .run = [&](int cpu, Report& r) { run_bug(bug.name, bug.rows, cpu, r); }});
    }
  }

  std::printf(kRowFormat, "operation", "state", "instructions", "kill points", "deaths",
              "violations", "seconds");
  Totals all;
  size_t next = 0;
  size_t printed = 0;
  int running = 0;
  Clock::time_point told = Clock::now();
  while (printed < jobs.size()) {
    for (; next < jobs.size() && running < options.jobs; ++next, ++running) {
      start(jobs[next], static_cast<int>(next) % options.jobs, options);
    }
    for (Job& job : jobs) {
      running -= reap(job) ? 1 : 0;
    }
    // In the order of the plan, whatever ends first.
    for (; printed < jobs.size() && jobs[printed].ended; ++printed) {
      Report& report = *jobs[printed].report;
      std::fputs(report.text, stdout);
      std::fflush(stdout);
      all.points += report.totals.points;
      all.deaths += report.totals.deaths;
      all.violations += report.totals.violations;
      all.bugs += report.totals.bugs;
      all.caught += report.totals.caught;
    }
    if (options.progress && Clock::now() - told > std::chrono::seconds(2)) {
      told = Clock::now();
      print_progress(jobs);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (Job& job : jobs) {
    munmap(job.report, sizeof(Report));
  }
  std::printf("deaths: %lld\n", static_cast<long long>(all.deaths));
  std::printf("total: %lld kill points, %lld violations, %d of %d planted bugs caught\n",
              static_cast<long long>(all.points), static_cast<long long>(all.violations),
              all.caught, all.bugs);
  std::fflush(stdout);
  return all;
}

int Suite::main(int argc, char** argv) const {
  SuiteOptions options;
  for (int i = 1; i < argc; ++i) {
    std::string_view arg = argv[i];
    auto value = [&](std::string_view name) -> const char* {
      return arg.substr(0, name.size()) == name ? argv[i] + name.size() : nullptr;
    };
    if (const char* v = value("--stride=")) {
      options.stride = std::max(1, std::atoi(v));
    } else if (const char* v = value("--offset=")) {
      options.offset = std::max(0, std::atoi(v));
    } else if (const char* v = value("--jobs=")) {
      options.jobs = std::max(1, std::atoi(v));
    } else if (const char* v = value("--only=")) {
      options.only = v;
    } else {
      std::fprintf(stderr, "usage: %s [--stride=N] [--offset=N] [--jobs=N] [--only=REGEX]\n",
                   argv[0]);
      return 2;
    }
  }
  if (!bound_at_start()) {
    std::fprintf(stderr,
                 "%s: functions are bound lazily, so the dynamic linker's instructions would be "
                 "counted as ours; link with -Wl,-z,now or set LD_BIND_NOW=1\n",
                 argv[0]);
    return 2;
  }
  Totals totals = run(options);
  return totals.violations == 0 && totals.caught == totals.bugs ? 0 : 1;
}

}  // namespace mp::testing
