#!/usr/bin/env bash
# prints.sh [--any-order] PROGRAM EXPECTED [ARG...]: the program ends with 0 and prints exactly what the file says, or these
# lines in any order.
set -euo pipefail
order=cat
if [[ $1 == --any-order ]]; then
  order=sort
  shift
fi
program=$1 expected=$2
shift 2
output=$("$program" "$@")
diff <(printf '%s\n' "$output" | $order) <($order "$expected")
