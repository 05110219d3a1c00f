"""Bytes to a server and its answers back, with nothing between that would mend what a hostile client sends."""

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

_LENGTH = re.compile(rb"^content-length: *(\d+)\r?$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, header lines as they came, body."""

    status: int
    head: bytes
    body: bytes

    @property
    def code(self) -> str | None:
        """That of the error envelope, if there is one."""
        if not self.body:
            return None
        answer: Any = msgspec.json.decode(self.body)
        return str(answer["error"]["code"]) if "error" in answer else None

    def header(self, name: str) -> list[str]:
        """Every value under which the header stands."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [value.strip() for header, _, value in (line.partition(":") for line in lines) if header.lower() == name]


def exchanged(
    port: int, data: bytes, *, answers: int = 1, seconds: float = 5, linger: float = 0.1
) -> tuple[list[Answer], bool]:
    """Send `data`, read until `answers` have come, the server ends the connection or `seconds` are over; then see whether it
    ends the connection by itself within a moment.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as opened:
        received, ended = b"", False
        until = time.monotonic() + seconds
        with suppress(OSError):  # it may end the connection while we are still sending; its answer is there to read
            opened.sendall(data)
        while not ended and len(parsed(received)) < answers and (left := until - time.monotonic()) > 0:
            more = _received(opened, left)
            received, ended = received + (more or b""), more == b""
        if not ended:
            ended = _received(opened, linger) == b""
        return parsed(received), ended


def parsed(received: bytes) -> list[Answer]:
    """The whole answers in `received`; interim ones (1xx) are left out."""
    found: list[Answer] = []
    while True:
        head, separator, rest = received.partition(b"\r\n\r\n")
        if not separator:
            return found
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return found
        status = int(head[9:12])
        if status >= 200:
            found.append(Answer(status, head, rest[:size]))
        received = rest[size:]


def _received(opened: socket.socket, seconds: float) -> bytes | None:
    """What has come within `seconds`: None for nothing, nothing for the end."""
    opened.settimeout(seconds)
    try:
        return opened.recv(1 << 16)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""
