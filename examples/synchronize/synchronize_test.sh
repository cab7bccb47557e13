#!/usr/bin/env bash
# synchronize_test.sh PROGRAM MODE: what the program prints in this mode, but for what chance decides: who is first, what is
# running when it is looked at, whether a timeout ends.
set -euo pipefail
output=$("$1" "$2")

section() { awk -v name="$1" '$1 == "########" { on = $2 == name; next } on' <<< "$output"; }
numbers() { sed -E 's/<.*>.*//' | tr ' ' '\n' | grep -E '^[0-9]+$'; }
is() { diff <(printf '%s\n' "$2") <(printf '%s\n' "$(cat)") || { echo "^ $1"; exit 1; }; }
count() { grep -cE "$1" || true; }

main=MainProcess child='<Process name=.Process-[0-9]+. .*started>'
if [[ $2 == threads ]]; then
  main=MainThread child='<DummyProcess\(Thread-[0-9]+, started [0-9]+\)>'
fi

head -1 <<< "$output" | sed 's/^-*//; s/-*$//' | is heading " Using $2 "

section test_value | count "^			$child has finished$" | is 'who finishes' 10
section test_value | numbers | sort -rnc
section test_value | sed '/^$/d' | tail -1 | is 'the end of test_value' 'No more running processes'

section test_queue | tr -d '\n' | sed 's/TIMEOUT//g' |
  is 'what comes from the queue' "$(for ((i = 0; i < 30; i++)); do printf '%d ' $((i * i)); done)STOP "

section test_condition | sed '/^$/d' | sed -E 's/(Process|Thread)-[0-9]+/CHILD/' | is test_condition "\
<Condition(<RLock(None, 0)>, 0)>
<Condition(<RLock($main, 1)>, 0)>
<Condition(<RLock($main, 2)>, 0)>
main is waiting
	<Condition(<RLock(CHILD, 1)>, 1)>
	child is notifying
	<Condition(<RLock(CHILD, 1)>, 1)>
main has woken up
<Condition(<RLock($main, 2)>, 0)>
<Condition(<RLock($main, 1)>, 0)>
<Condition(<RLock(None, 0)>, 0)>"

section test_semaphore | count '^[123] tasks are running$' | is 'tasks' 10
section test_semaphore | count "^$child has finished$" | is 'tasks that finish' 10

section test_join_timeout | sed 's/\. //g; /^$/d' | sort | is test_join_timeout "\
	child sleeping
	child terminating
waiting for process to finish"

section test_event | count "^	$child is waiting$" | is 'who waits' 5
section test_event | sed '1,/^main is setting event$/d' | count "^	$child has woken up$" | is 'who wakes' 5

section test_sharedvalues | sed '/^$/d' | is test_sharedvalues 'Tests passed'
