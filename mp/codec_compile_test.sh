#!/usr/bin/env bash
# What cannot cross, or be shared, does not compile, and the compiler's message names the type and the way out.
#
# codec_compile_test.sh CASES LEAST [alone]: the file CASES has at least LEAST lines "#if CASE(n)  // wants: TYPE | TEXT" for each thing that must be refused, with an error
# that names TYPE and says TEXT; "alone": and g++ says nothing beside what mp says. g++ compiles each alone; clang, where it is, all of them at once; both the file without them.
set -euo pipefail
cases=$1 least=$2 alone=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log headers=$work/headers.h
status=0
fail() { echo "codec_compile_test: $*" >&2; sed -n '1,20s/^/    /p' "$log" >&2; status=1; }
compile() { "$@" -std=c++20 -fsyntax-only -I. "$cases" >"$log" 2>&1; }
# g++ writes double* and int [3], clang double * and int[3].
plain() { sed -E 's/ ([*&[(])/\1/g'; }
wanted() { sed -nE 's/^#if CASE\(([0-9]+)\) *\/\/ wants: (.*) \| (.*)/\1|\2|\3/p' "$cases"; }

compile g++ -Wall -Wextra -Werror || fail "g++ refuses what is right"
# What all cases include is compiled once.
grep '^#include' "$cases" >"$headers"
g++ -std=c++20 -I. -x c++-header "$headers" >"$log" 2>&1 || fail "g++ cannot compile the headers alone"
n=0
while IFS='|' read -r number type text; do
  n=$((n + 1))
  if compile g++ -include "$headers" -DONLY="$number"; then
    fail "case $number: g++ takes $type"
  elif ! grep -qF -- "$type" "$log"; then
    fail "case $number: the error does not name $type"
  elif ! grep -qF -- "$text" "$log"; then
    fail "case $number: the error does not say: $text"
  elif [ -n "$alone" ] && grep -F ' error: ' "$log" | grep -qvF 'mp: '; then
    fail "case $number: there are other errors beside it"
  fi
done < <(wanted)
[ "$n" -ge "$least" ] || fail "only $n cases were found"

if command -v clang++ >/dev/null; then
  compile clang++ -Wall -Wextra -Werror || fail "clang++ refuses what is right"
  if compile clang++ -ferror-limit=0 -DALL; then fail "clang++ takes what must be refused"; fi
  while IFS='|' read -r number type text; do
    plain <"$log" | grep -F -- "$(plain <<<"$type")" >/dev/null ||
      fail "case $number: clang++ does not name $type"
    grep -qF -- "$text" "$log" || fail "case $number: clang++ does not say: $text"
  done < <(wanted)
fi
exit $status
