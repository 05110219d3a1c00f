"""What RFC 6455 makes of bytes that a client sends after the handshake, and whether a server has closed."""

import socket
from typing import Final, NamedTuple

from tests.hostile.crowd import frame_at

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_KNOWN: Final = {_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG}
_SIZE_BYTES: Final = {126: 2, 127: 8}
_LEAST_SIZE: Final = {0: 0, 2: 126, 8: 65_536}


class _Head(NamedTuple):
    """Of a frame: its first byte, what its size is written in (bytes beside the usual seven bits), the size, the mask (none
    where it is not masked) and where the payload begins.
    """

    first: int
    width: int
    size: int
    mask: bytes
    start: int

    @property
    def opcode(self) -> int:
        return self.first & 0xF

    @property
    def final(self) -> bool:
        return bool(self.first & 0x80)

    @property
    def is_broken(self) -> bool:
        """Whether no client may send it, whatever came before."""
        return (
            bool(self.first & 0x70)
            or not self.mask
            or self.opcode not in _KNOWN
            or (self.opcode >= _CLOSE and (not self.final or self.width > 0))
            or not _LEAST_SIZE[self.width] <= self.size < 1 << 63
        )


def ends_its_connection(data: bytes) -> bool:
    """Whether a server without extensions must end a connection on which `data` came: there is a close frame in it, or a broken
    one, or text that is none. A frame whose payload is not whole is judged by its head alone; of one whose head is not whole
    nothing is known.
    """
    at, under_way, message = 0, None, b""
    while (head := _head_at(data, at)) is not None:
        if head.is_broken:
            return True
        at = head.start + head.size
        if at > len(data):
            return False
        if head.opcode == _CLOSE:
            return True
        if head.opcode >= _CLOSE:
            continue
        if (head.opcode == _CONTINUATION) != (under_way is not None):
            return True
        message += bytes(byte ^ head.mask[index % 4] for index, byte in enumerate(data[head.start : at]))
        under_way = under_way or head.opcode
        if head.final:
            if under_way == _TEXT and not _is_utf8(message):
                return True
            under_way, message = None, b""
    return False


def has_closed(opened: socket.socket) -> bool:
    """Whether a close frame or the end comes before nothing comes for the socket's timeout."""
    received, at = b"", 0
    try:
        while more := opened.recv(65_536):
            received += more
            while (frame := frame_at(received, at)) is not None:
                opcode, _, at = frame
                if opcode == _CLOSE:
                    return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def _head_at(data: bytes, at: int) -> _Head | None:
    if len(data) < at + 2:
        return None
    masked, short = data[at + 1] & 0x80, data[at + 1] & 0x7F
    width = _SIZE_BYTES.get(short, 0)
    sized = at + 2 + width
    start = sized + (4 if masked else 0)
    if len(data) < start:
        return None
    size = int.from_bytes(data[at + 2 : sized], "big") if width else short
    return _Head(data[at], width, size, data[sized:start], start)


def _is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
