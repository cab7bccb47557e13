#!/usr/bin/env bash
# memory_before_main_test.sh PROGRAM: what a limit in the environment does to a program that needs it
# before its main().
set -uo pipefail
fail() { echo "memory_before_main_test: $*" >&2; exit 1; }

out=$(MP_MEMORY_LIMIT=64M "$1" 2>&1) || fail "a right limit: exit code $?: $out"
[ "$out" = 67108864 ] || fail "a right limit: $out"

out=$(MP_MEMORY_LIMIT=banana "$1" 2>&1)
code=$?
[ "$code" = 1 ] || fail "a wrong limit: exit code $code, not 1: $out"
[[ "$out" == "ValueError: mp: MP_MEMORY_LIMIT='banana' is not a size: it takes a number of bytes"* ]] ||
  fail "a wrong limit: $out"
