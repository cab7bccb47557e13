#!/usr/bin/env bash
# listener_test.sh SERVER CLIENT: what the two print.
set -euo pipefail
server=$1 client=$2
coproc SERVER { "$server" 0; }
read -r listening <&"${SERVER[0]}"
[[ $listening =~ ^"listening at ('127.0.0.1', "([0-9]+)")"$ ]]
received=$("$client" "${BASH_REMATCH[1]}")
accepted=$(cat <&"${SERVER[0]}")
diff <(printf '%s\n' "$received" "$accepted") - <<END
[2.25, None, 'junk']
b'hello'
8
42 1729 0 0 0 
connection accepted from 127.0.0.1
END
