#!/usr/bin/env bash
# conform_test.sh FLATC: today's schemas can read what every release wrote, and follow the rules that flatc does not check.
set -euo pipefail
flatc=$1
status=0
fail() { echo "conform_test: $*" >&2; status=1; }

members() {  # members SCHEMA: a line for each field of a table or struct and each enumerator, "Text.value:string(id:0"
  awk '{sub(/\/\/.*/, "")}
       /^(table|struct|enum|union)/ {name = $2; sub(/[:{].*/, "", name)}
       /^ +[A-Za-z]/ {gsub(/[ ;,]/, ""); sub(/\)$/, ""); print name "." $0}' "$1" | sort
}

conforms() {  # conforms OLD NEW: NEW reads what OLD wrote
  "$flatc" -I . --conform "$1" --conform-includes . "$2" || return 1
  # flatc does not see that something is gone. A field may become deprecated.
  local gone
  gone=$(comm -23 <(members "$1") <(members "$2" | sed "s/deprecated$//"))
  [ -z "$gone" ] || { echo "$2 has no more: $gone"; return 1; }
}

for old in mp/wire/released/*/*.fbs; do
  new=mp/wire/$(basename "$old")
  [ -f "$new" ] || { fail "$old was released, and $new is gone"; continue; }
  conforms "$old" "$new" || fail "$new does not read what $old wrote"
done

for schema in mp/wire/*.fbs; do
  [ -f "mp/wire/released/v1/$(basename "$schema")" ] || fail "$schema has no frozen copy"
  if grep -nE 'nested_flatbuffer|flexbuffer' "$schema"; then fail "$schema: see WIRE.md, what may not be used"; fi
  # Every field of a table has its id. (Structs have none: their fields end without "(".)
  awk '/^table/ {inside = 1} /^}/ {inside = 0}
       inside && /^ *[a-z_]+:/ && !/\(id: [0-9]+/ {print FILENAME ": no id:" $0; bad = 1}
       END {exit bad}' "$schema" || fail "$schema: fields without id"
  # The first enumerator of an enum is unknown = 0.
  awk '/^enum/ {getline; while ($0 ~ /^ *\/\/\//) getline; if ($0 !~ /unknown = 0/) {print FILENAME ": " $0; bad = 1}}
       END {exit bad}' "$schema" || fail "$schema: an enum without unknown = 0"
done

# The check itself works: a removed field and a changed default do not conform.
broken=$(mktemp -d)
trap 'rm -rf "$broken"' EXIT
sed '/picoseconds:ulong (id: 1)/d' mp/wire/value.fbs >"$broken/removed.fbs"
sed 's/index:uint (id: 0)/index:uint = 7 (id: 0)/' mp/wire/value.fbs >"$broken/default.fbs"
for bad in removed default; do
  if conforms mp/wire/released/v1/value.fbs "$broken/$bad.fbs" >/dev/null 2>&1; then
    fail "flatc --conform takes a schema with $bad"
  fi
done
exit $status
