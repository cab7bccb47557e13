#!/usr/bin/env bash
# pair_test.sh SERVER -- CLIENT: each a command, to which the address is added; what they print together.
set -euo pipefail

server=()
while [ "$1" != -- ]; do server+=("$1"); shift; done
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
address=$folder/socket

"${server[@]}" "$address" >"$folder/server" &
# A client that comes before its server is refused.
until [ -S "$address" ]; do kill -0 $! || exit 1; done
until "$@" "$address" >"$folder/client"; do kill -0 $! || exit 1; done
wait $!
diff "$folder/server" - <<< "\
server: ada
server: grace
server: the client is gone"
diff "$folder/client" - <<< "\
client: hello ada
client: hello grace"
