"""The Python side of ValuesCross: answers each value with its repr as bytes, and "next" with a value of its own."""

import os
import sys
from multiprocessing import connection

for folder in sys.argv[2:]:
    sys.path.insert(0, os.path.dirname(folder))
import mp_values

with connection.Client(sys.argv[1]) as conn:
    while True:
        try:
            obj = mp_values.load(conn.recv_bytes())
        except EOFError:
            break
        if obj == "next":
            conn.send_bytes(mp_values.dump([1, -2**63, "three", [], [4, ["five"]]]))
        else:
            conn.send_bytes(repr(obj).encode())
