#!/usr/bin/env bash
# prints.sh PROGRAM EXPECTED [ARG...]: the program ends with 0 and prints exactly what the file says.
set -euo pipefail
program=$1 expected=$2
shift 2
output=$("$program" "$@")
diff <(printf '%s\n' "$output") "$expected"
