"""One partition of the memory log: its records, what it still keeps, and when an append has to wait for readers.

When it is full: a partition of a topic with `memory_records` drops its oldest records. So that a fast writer does not
run over readers that are only slow, an append waits while an open reader is more than half of the kept records behind,
but never longer than `PATIENCE_SECONDS` for a reader that does not move at all: that one loses its position.
"""

import asyncio
from typing import Final, Protocol

import msgspec

from storage.log.port import Bounds, Headers, Message, PositionLost

PATIENCE_SECONDS: Final = 5.0
_DROPPED_AT_ONCE: Final = 1_024


class MemoryRecord(msgspec.Struct, frozen=True, gc=False):
    """A record of the memory log; has the attributes of `storage.log.port.Record`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Headers


class Reader(Protocol):
    """Who is told, once, that a cursor that had reached the end has records again."""

    def ready(self, cursor: "Cursor") -> None: ...


class MemoryPartition:
    """The retained records of one partition. `keep` is the least number that stays (None: all), `patience` in seconds."""

    __slots__ = (
        "_admitted",
        "_at_end",
        "_cursors",
        "_patience",
        "_room",
        "first",
        "keep",
        "number",
        "records",
        "topic",
    )

    def __init__(self, topic: str, number: int, keep: int | None, patience: float = PATIENCE_SECONDS) -> None:
        self.topic, self.number, self.keep, self._patience = topic, number, keep, patience
        self.first = 0
        self.records: list[MemoryRecord] = []
        self._cursors: set[Cursor] = set()
        self._at_end: list[Cursor] = []
        self._admitted = 0
        self._room: asyncio.Future[None] | None = None

    @property
    def bounds(self) -> Bounds:
        """Oldest and next offset."""
        return Bounds(self.first, self.first + len(self.records))

    @property
    def crowded(self) -> bool:
        """Whether the next append must `wait_for_room` first."""
        return self.keep is not None and self.first + len(self.records) >= self._admitted

    def append(self, message: Message, timestamp: int) -> int:
        """Append at once; the offset. `timestamp` is in milliseconds since the epoch."""
        records = self.records
        offset = self.first + len(records)
        records.append(
            MemoryRecord(self.topic, self.number, offset, timestamp, message.key, message.value, message.headers)
        )
        if self.keep is not None and len(records) >= self.keep + _DROPPED_AT_ONCE:
            del records[:_DROPPED_AT_ONCE]
            self.first += _DROPPED_AT_ONCE
        if self._at_end:
            woken, self._at_end = self._at_end, []
            for cursor in woken:
                cursor.reader.ready(cursor)
        return offset

    async def wait_for_room(self) -> None:
        """Returns when every open reader is at most half of `keep` behind, or does not move."""
        while not self._admit():
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self._patience):
                    await asyncio.shield(self._room)
            except TimeoutError:
                self._give_up_on_the_slowest()

    def read(self, start: int, limit: int) -> list[MemoryRecord]:
        """Up to `limit` records from `start` on. Raises `PositionLost`."""
        index = start - self.first
        if not 0 <= index <= len(self.records):
            raise PositionLost(self.topic, self.number, start, self.bounds)
        return self.records[index : index + limit]

    def attach(self, cursor: "Cursor") -> None:
        """Count `cursor` among the open readers."""
        self._cursors.add(cursor)
        self._admitted = 0

    def detach(self, cursor: "Cursor") -> None:
        """Forget `cursor`."""
        self._cursors.discard(cursor)
        if cursor in self._at_end:
            self._at_end.remove(cursor)
        self.moved()

    def tell_when_there_is_more(self, cursor: "Cursor") -> None:
        """Call `cursor.reader.ready(cursor)` once, at the next append."""
        self._at_end.append(cursor)

    def moved(self) -> None:
        """A reader has read: appends that wait look again."""
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

    def _admit(self) -> bool:
        if self.keep is None:
            return True
        end = self.first + len(self.records)
        slowest = min((cursor.offset for cursor in self._cursors if not cursor.left_behind), default=end)
        self._admitted = slowest + self.keep // 2
        return end < self._admitted

    def _give_up_on_the_slowest(self) -> None:
        waited_for = [cursor for cursor in self._cursors if not cursor.left_behind]
        if waited_for:  # none: another append that waited as long has given up on it already
            min(waited_for, key=lambda cursor: cursor.offset).left_behind = True


class Cursor:
    """Where one reader stands in one partition. `left_behind`: appends no longer wait for it (until it reads again)."""

    __slots__ = ("left_behind", "offset", "partition", "reader")

    def __init__(self, reader: Reader, partition: MemoryPartition, offset: int) -> None:
        self.reader, self.partition, self.offset = reader, partition, offset
        self.left_behind = False

    def take(self, limit: int) -> list[MemoryRecord]:
        """The next records, at most `limit`; moves on. Raises `PositionLost`."""
        found = self.partition.read(self.offset, limit)
        self.offset += len(found)
        self.left_behind = False
        self.partition.moved()
        return found

    @property
    def at_end(self) -> bool:
        """Whether nothing is left to take."""
        return self.offset == self.partition.bounds.next
