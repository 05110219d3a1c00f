"""Publishes bursts to a NATS server by its plain text protocol: PORT MESSAGES_A_BURST MILLISECONDS_BETWEEN PAYLOAD_BYTES."""

import socket
import sys
import time

from ops.bench.payload import timed_text


def main() -> None:
    """Publish until killed; answers the server's pings."""
    port, burst, every, size = (int(text) for text in sys.argv[1:])
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b'CONNECT {"verbose":false}\r\n')
    connection.settimeout(0)
    print("ready", flush=True)
    following = time.monotonic()
    while True:
        following += every / 1000
        time.sleep(max(0.0, following - time.monotonic()))
        connection.sendall(b"".join(b"PUB quotes %d\r\n%b\r\n" % (size, timed_text(size)) for _ in range(burst)))
        _answer_pings(connection)


def _answer_pings(connection: socket.socket) -> None:
    try:
        received = connection.recv(65_536)
    except BlockingIOError:
        return
    if b"PING" in received:
        connection.sendall(b"PONG\r\n")


if __name__ == "__main__":
    main()
