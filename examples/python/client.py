"""A client of server.cc: python3 client.py ADDRESS"""

import sys
from multiprocessing.connection import Client

with Client(sys.argv[1], authkey=b"secret password") as conn:
    for name in (b"ada", b"grace"):
        conn.send_bytes(name)
        print("client:", conn.recv_bytes().decode(), flush=True)
