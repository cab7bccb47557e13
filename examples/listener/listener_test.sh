#!/usr/bin/env bash
# listener_test.sh SERVER CLIENT: what the two print.
set -euo pipefail
server=$1 client=$2
# Its output stays readable when it has ended.
exec 3< <("$server" 0)
read -r listening <&3
[[ $listening =~ ^"listening at ('127.0.0.1', "([0-9]+)")"$ ]]
received=$("$client" "${BASH_REMATCH[1]}")
accepted=$(cat <&3)
diff <(printf '%s\n' "$received" "$accepted") - <<END
[2.25, None, 'junk']
b'hello'
8
42 1729 0 0 0 
connection accepted from 127.0.0.1
END
