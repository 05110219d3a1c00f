"""Who holds each partition of records now: the newest claims, looked up from what owners have noted of them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from storage.log.port import Bounds, Log
from storage.log.valid_records import ValidRecords
from storage.models.ownership import Anchor, ClaimHistory, Floor


class ClaimStore(Protocol):
    """`storage.mongo.ownership.ClaimHistories`."""

    async def get(self, partition: int) -> ClaimHistory: ...


class FloorStore(Protocol):
    """`storage.mongo.ownership.Floors`."""

    async def get(self, partition: int) -> Floor: ...


@dataclass(frozen=True, slots=True)
class NewestClaims:
    """Looks up the holders of the `partitions` partitions of `topic`, a topic of records."""

    log: Log
    topic: str
    partitions: int
    claims: ClaimStore
    floors: FloorStore

    async def look_up(self) -> dict[int, int]:
        """The offset of the newest claim of every partition (-1: nobody ever claimed it), as of the beginning of this call.

        Reads only what was appended since the owners last noted their floors, all partitions over one connection.
        Raises `LogUnavailable`, `StoreUnavailable`, `PositionLost`.
        """
        ends = await self.log.bounds(self.topic)
        anchors = await asyncio.gather(*(self._anchor(partition) for partition in ends))
        judges = {partition: ValidRecords(anchor) for partition, anchor in zip(ends, anchors, strict=True)}
        await self._read(judges, ends)
        return {partition: judge.anchor.claim for partition, judge in judges.items()}

    async def _anchor(self, partition: int) -> Anchor:
        """The furthest that is known: owners raise the floor every few seconds, and note claims when they claim."""
        floor, history = await asyncio.gather(self.floors.get(partition), self.claims.get(partition))
        return max(history.anchor_before(history.upto + 1, floor), floor.anchor)

    async def _read(self, judges: Mapping[int, ValidRecords], ends: Mapping[int, Bounds]) -> None:
        behind = {number for number, judge in judges.items() if judge.anchor.upto < ends[number].next - 1}
        if not behind:
            return
        starts = {number: judges[number].anchor.upto + 1 for number in behind}
        async with self.log.tail(self.topic, starts) as tail:
            while behind:
                records = await tail.batch()
                number = records[0].partition
                judges[number].take(records)
                if judges[number].anchor.upto >= ends[number].next - 1:
                    behind.discard(number)
