// mp/testing/suite.h
//
// Suite: many rows of the killer, and planted bugs that they must catch; run and printed as one
// report.
//
//   Suite suite;
//   suite.add<LockScene<mp::Lock>>(Mode::kKill);
//   suite.plant("waiters cleared on unlock",
//               {plan<LockScene<Forgetful>>(Mode::kKill)});
//   Totals t = suite.run({});
//
// Every row runs in a process forked for it, so each founds a family of its own, and a scene that
// breaks takes its own row down and nothing else. Call run() before the process uses the library.

#ifndef MP_TESTING_SUITE_H_
#define MP_TESTING_SUITE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mp/testing/killer.h"

namespace mp::testing {

// A row to be run.
struct Plan {
  Mode mode;
  std::function<std::unique_ptr<Scene>()> make;
};

template <class S, class... Args>
Plan plan(Mode mode, Args... args) {
  return {.mode = mode, .make = [=] { return std::make_unique<S>(args...); }};
}

struct SuiteOptions {
  // See RowOptions; for the rows. Planted bugs are looked for until they are found.
  int stride = 1;
  int offset = 0;
  // Rows at the same time.
  int jobs = 1;
  // Only rows and bugs in whose name this regular expression is found; empty: all.
  std::string only = {};
  // Says on stderr how far it is.
  bool progress = true;
  // A row that takes longer is ended, and is a violation.
  std::chrono::nanoseconds row_limit = std::chrono::minutes(30);
};

struct Totals {
  int64_t points = 0;
  int64_t deaths = 0;
  int64_t violations = 0;
  int bugs = 0;
  int caught = 0;
};

class Suite {
 public:
  template <class S, class... Args>
  void add(Mode mode, Args... args) {
    rows_.push_back(plan<S>(mode, args...));
  }
  template <class S, class... Args>
  void add(std::initializer_list<Mode> modes, Args... args) {
    for (Mode mode : modes) {
      add<S>(mode, args...);
    }
  }

  // A bug that counts as caught when one of the rows, run with the bug in it, has a violation.
  void plant(std::string bug, std::vector<Plan> rows) {
    bugs_.push_back({std::move(bug), std::move(rows)});
  }

  // Runs all of it; prints the report to stdout. Its last line is
  // "total: N kill points, V violations, M of M planted bugs caught".
  Totals run(const SuiteOptions& options) const;

  // run() with options from the command line: --stride=N --offset=N --jobs=N --only=REGEX. Returns
  // the exit status: 0 when nothing was violated and every bug caught.
  int main(int argc, char** argv) const;

 private:
  struct Bug {
    std::string name;
    std::vector<Plan> rows;
  };

  std::vector<Plan> rows_;
  std::vector<Bug> bugs_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_SUITE_H_
