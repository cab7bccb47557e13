#!/usr/bin/env bash
# pids_test.sh INFO METHODS LOGGING: what these programs print, with the pids that chance gives.
set -euo pipefail
is() { diff <(printf '%s\n' "$2") <(printf '%s\n' "$(cat)") || { echo "^ $1"; exit 1; }; }

info=$("$1")
main=$(sed -n 's/^process id: //p' <<< "$info" | head -1)
child=$(sed -n 's/^process id: //p' <<< "$info" | tail -1)
[ "$main" != "$child" ]
is info "main line
process id: $main
function f
parent process: $main
process id: $child
hello bob" <<< "$info"

"$2" | sed -E 's/pid=[0-9]+/pid=CHILD/; s/parent=[0-9]+/parent=ME/' | is methods "\
<Process name='Process-1' parent=ME initial> False
<Process name='Process-1' pid=CHILD parent=ME started> True
<Process name='Process-1' pid=CHILD parent=ME stopped exitcode=-SIGTERM> False
True"

"$3" 2>&1 | is logging "\
[WARNING/MainProcess] doomed
[INFO/Process-1] child process calling self.run()
[WARNING/Process-1] doomed
[INFO/Process-1] process shutting down
[INFO/Process-1] process exiting with exitcode 0
[INFO/MainProcess] process shutting down"
