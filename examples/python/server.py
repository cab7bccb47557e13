"""The server of client.cc: python3 server.py ADDRESS"""

import sys
from multiprocessing.connection import Listener

with Listener(sys.argv[1], authkey=b"secret password") as listener:
    with listener.accept() as conn:
        try:
            while True:
                message = conn.recv_bytes()
                print("server:", message.decode(), flush=True)
                conn.send_bytes(b"hello " + message)
        except EOFError:
            print("server: the client is gone")
