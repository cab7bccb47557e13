#!/usr/bin/env bash
# ledger_test.sh LEDGER SOURCE...: the LEDGER and the tests name each other.
#
#   * A row of a "test" table that says "same" or "different" has its test, in a file that the row or its section's heading
#     names.
#   * A test that is named in backticks exists.
#   * A test with a name of the reference's, in a file that a heading names, has a row.
set -euo pipefail
ledger=$1
shift

# "FILE TEST" of each test.
tests=$(for source in "$@"; do
  tr '\n' ' ' < "$source" | grep -oE '\b(TEST|TEST_F|TEST_P|TYPED_TEST)\( *\w+, +\w+\)' |
    sed -E "s|.*, +(\w+)\)|$(basename "$source") \1|" || true
done)

awk -v tests="$tests" '
function complain(text) { print FILENAME ":" FNR ": " text; bad = 1 }
function cut(text, pattern) {  # The words of `text` that match go to found[1..n]; returns n.
  n = 0
  while (match(text, pattern)) {
    found[++n] = substr(text, RSTART, RLENGTH)
    text = substr(text, RSTART + RLENGTH)
  }
  return n
}
BEGIN {
  word = "[A-Z][a-z]*"
  name_of_test = "`" word word word "(" word ")+`"
  count = split(tests, line, "\n")
  for (i = 1; i <= count; ++i) {
    split(line[i], part, " ")
    here[part[1], part[2]] = known[part[2]] = 1
  }
}
/^## / {
  delete files
  for (i = cut($0, "[a-z_]+_test[.]cc"); i > 0; --i) files[found[i]] = ledger_files[found[i]] = 1
}
/^\| test \|/ { in_tests = 1 }
!/^\|/ { in_tests = 0 }
# Names of four words and more are those of tests.
{
  for (i = cut($0, name_of_test); i > 0; --i) {
    name = substr(found[i], 2, length(found[i]) - 2)
    if (!(name in known)) complain("there is no test " name)
  }
}
in_tests && /^\| [A-Za-z_.]*test_/ {
  split($0, cell, " [|] ")
  delete where
  for (file in files) where[file] = 1
  for (i = cut(cell[3], "//mp:[a-z_]+_test"); i > 0; --i) where[substr(found[i], 6) ".cc"] = 1
  for (i = cut(cell[1], "test_[A-Za-z0-9_]+"); i > 0; --i) {
    row[found[i]] = 1
    if (cell[2] !~ /^(same|different)/) continue
    there = 0
    for (file in where) there += (file, found[i]) in here
    if (!there) complain("no test has the name " found[i])
    rows += 1
  }
}
END {
  for (pair in here) {
    split(pair, part, SUBSEP)
    if (part[2] ~ /^test_/ && part[1] in ledger_files && !(part[2] in row)) {
      complain("no row for " part[2] " of " part[1])
    }
  }
  if (rows == 0) complain("no rows")
  exit bad
}' "$ledger"
