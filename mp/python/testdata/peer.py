"""The Python side of python_test: a program of multiprocessing.connection that sends back what it receives.

    peer.py [--sha256] client|server ADDRESS KEY

ADDRESS is a path, or HOST:PORT; a server prints where it is. KEY is "-" for None. --sha256: Python before 3.12 does the handshake
of 3.12. An AuthenticationError is printed.
"""

import hmac
import os
import sys
from multiprocessing import AuthenticationError, connection


def response(key, message):
    """3.12: the name of the digest stands before the message, which is signed with it."""
    name = message[1:message.index(b"}")].decode()
    if not message.startswith(b"{") or name not in ("sha256", "sha384", "sha3_256", "sha3_384"):
        raise AuthenticationError("unsupported digest")
    return b"{%s}%s" % (name.encode(), hmac.new(key, message, name).digest())


def deliver_challenge(conn, key):
    message = b"{sha256}" + os.urandom(40)
    conn.send_bytes(b"#CHALLENGE#" + message)
    answer = conn.recv_bytes(256)
    if not hmac.compare_digest(answer, response(key, message)):
        conn.send_bytes(b"#FAILURE#")
        raise AuthenticationError("digest received was wrong")
    conn.send_bytes(b"#WELCOME#")


def answer_challenge(conn, key):
    message = conn.recv_bytes(256)
    if not message.startswith(b"#CHALLENGE#"):
        raise AuthenticationError("Protocol error, expected challenge")
    conn.send_bytes(response(key, message[len(b"#CHALLENGE#"):]))
    if conn.recv_bytes(256) != b"#WELCOME#":
        raise AuthenticationError("digest sent was rejected")


def echo(conn):
    while True:
        try:
            conn.send_bytes(conn.recv_bytes())
        except EOFError:
            return


def main(args):
    if args[0] == "--sha256":
        args.pop(0)
        connection.deliver_challenge = deliver_challenge
        connection.answer_challenge = answer_challenge
    role, address, key = args
    key = None if key == "-" else key.encode()
    if ":" in address:
        host, port = address.split(":")
        address = (host, int(port))
    try:
        if role == "client":
            with connection.Client(address, authkey=key) as conn:
                echo(conn)
        else:
            with connection.Listener(address, authkey=key) as listener:
                at = listener.address
                print(at if isinstance(at, str) else at[1], flush=True)
                with listener.accept() as conn:
                    echo(conn)
    except AuthenticationError as e:
        print(e, flush=True)


main(sys.argv[1:])
