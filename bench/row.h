// bench/row.h
//
// The table of what is measured: rows, the variants that fill their columns, and what each row has
// to reach.

#ifndef MP_BENCH_ROW_H_
#define MP_BENCH_ROW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/variant.h"

namespace bench {

struct Variant {
  std::string column;
  Body body;
  // Operations in one repetition, made to last 0.2 to 0.5 s.
  int64_t operations = 0;
};

// "processes" must be `required` times as fast as `against`: the name of a column, or "threads" for
// the faster of the two threads columns. A goal under 1 is a cost: 1/1.5 allows one and a half
// times the other's time.
struct Target {
  std::string against;
  double required = 1;
  // What would be better still; 0 if nothing.
  double aim = 0;
};

struct Row {
  std::string name;
  // What one operation is.
  std::string operation;
  // In the order of the columns: processes, threads_twin, threads_std, then rivals.
  std::vector<Variant> variants;
  // Python's turn, done by versus/python_rival.py; 0 operations if it has none, for the reason
  // given.
  int64_t python_operations = 0;
  std::string no_python = {};
  std::vector<Target> targets = {};
  std::string remark = {};

  const Variant* variant(const std::string& column) const;
};

const std::vector<Row>& rows();

}  // namespace bench

#endif  // MP_BENCH_ROW_H_
