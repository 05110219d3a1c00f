"""Last form on the road of a quote and a trade (a): one whole WebSocket text frame a record, made once a process. Pure.

A frame is unmasked, whole and uncompressed (RFC 6455 5.2; RFC 7692 6: a message of a connection with
permessage-deflate may be sent uncompressed). Its text is a prefix, the record's value as the producer encoded it, and `}`.
"""

from collections.abc import Callable, Set
from enum import Enum
from typing import Final, Literal

import msgspec

MessageType = Literal["snapshot", "update", "state"]
_TEXT: Final = 0x81
_PONG: Final = 0x8A
_EMPTY_PING: Final = b"\x89\x00"
Parts = Callable[[bytes], Set[str]]
"""Value of a record -> the parts (symbols) of its key that it touches."""
PART: Final = "#"
_DATA: Final[dict[MessageType, bytes]] = {
    "snapshot": b',"type":"snapshot","data":',
    "update": b',"type":"update","data":',
    "state": b',"type":"state","data":',
}


class Delivery(Enum):
    """What happens to messages of a client that is slower than the stream."""

    LATEST = "the latest of each symbol is kept, older ones are dropped and counted"
    QUEUED = "a bounded queue; then the oldest are dropped and a gap says which"
    LOSSLESS = "never dropped; the client is closed when too many bytes wait"


class Address:
    """Where records of one key in one shard go: the topic that clients see, and the keys that find subscribers.

    `route` is the exact key of the router, `wildcard` the other one (None: there is none). `last` is the newest frame,
    kept where the latest value is what matters. Equality is identity: there is one object a (shard, key).
    `parts`, where given, tells which parts of the key a value touches; who wants one part alone listens to
    `part_route(route, part)`. `said` is the topic that frames name, where it is not the one that clients subscribe to.
    """

    __slots__ = ("delivery", "family", "last", "parts", "prefix", "route", "shard", "topic", "wildcard")

    def __init__(
        self,
        family: str,
        topic: str,
        shard: str,
        delivery: Delivery,
        *,
        route: str | None = None,
        wildcard: str | None = None,
        parts: Parts | None = None,
        said: str | None = None,
    ) -> None:
        self.family, self.topic, self.shard, self.delivery = family, topic, shard, delivery
        self.route = topic if route is None else route
        self.wildcard, self.parts = wildcard, parts
        self.last: Frame | None = None
        names = msgspec.json.encode(said or topic), msgspec.json.encode(shard)
        self.prefix: bytes = b'{"topic":%b,"shard":%b,"seq":' % names


class Frame:
    """One message on its way: `wire` is the whole frame, `conflated` how many older ones it stands for.

    `appended` is when its record was appended to the log, in ms since the epoch.
    """

    __slots__ = ("address", "appended", "conflated", "seq", "type", "value_size", "wire")

    def __init__(self, address: Address, seq: int, type_: MessageType, value: bytes, appended: int = 0) -> None:
        self.address, self.seq, self.type, self.appended = address, seq, type_, appended
        self.value_size, self.conflated = len(value), 0
        text = b"%b%d%b%b}" % (address.prefix, seq, _DATA[type_], value)
        size = len(text)
        if 125 < size < 65_536:
            self.wire = b"\x81\x7e" + size.to_bytes(2, "big") + text
        else:
            self.wire = header(_TEXT, size) + text

    @property
    def value(self) -> bytes:
        """The record's value: the message's `data`."""
        return self.wire[-1 - self.value_size : -1]

    @property
    def parts(self) -> Set[str]:
        """The parts of its key that it touches; worked out at each call, so ask only when somebody wants a part."""
        of = self.address.parts
        return frozenset() if of is None else of(self.value)

    def retyped(self, type_: MessageType) -> "Frame":
        """The same record as a message of another type."""
        return self if type_ == self.type else Frame(self.address, self.seq, type_, self.value, self.appended)

    def conflating(self, dropped: int) -> "Frame":
        """The same message saying that it stands for `dropped` older ones (beside those that it stands for already)."""
        if not dropped:
            return self
        other = Frame.__new__(Frame)
        other.address, other.seq, other.type, other.value_size = self.address, self.seq, self.type, self.value_size
        other.appended = self.appended
        other.conflated = self.conflated + dropped
        other.wire = text_frame(
            b'%b%d,"conflated":%d%b%b}' % (self.address.prefix, self.seq, other.conflated, _DATA[self.type], self.value)
        )
        return other


def part_route(route: str, part: str) -> str:
    """The router key of one part of what goes to `route`."""
    return f"{route}{PART}{part}"


def header(opcode: int, size: int) -> bytes:
    """The head of an unmasked frame with `size` bytes of payload; `opcode` includes the FIN bit."""
    if size < 126:
        return bytes((opcode, size))
    if size < 65_536:
        return bytes((opcode, 126)) + size.to_bytes(2, "big")
    return bytes((opcode, 127)) + size.to_bytes(8, "big")


def text_frame(text: bytes) -> bytes:
    """A whole text frame around UTF-8 `text`."""
    return header(_TEXT, len(text)) + text


def json_frame(message: object) -> bytes:
    """A whole text frame with `message` as JSON."""
    return text_frame(msgspec.json.encode(message))


def ping_frame() -> bytes:
    """A ping without payload."""
    return _EMPTY_PING


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping with `payload` (at most 125 bytes)."""
    return header(_PONG, len(payload)) + payload
