"""What counts in a partition that has owners: the one judge that owners, projections, relays and live tails use.

A record counts if its epoch is the offset of the newest claim before it. So a reader must know the newest claim where it
begins: it takes an anchor at or before its start, and reads from there to its start before it judges.
"""

from collections.abc import Sequence
from typing import TypeVar

from storage.log.port import Log, Record
from storage.models.ownership import BEGINNING, Anchor, epoch_of, is_claim

AnyRecord = TypeVar("AnyRecord", bound=Record)


class ValidRecords:
    """Goes through a partition in offset order, from an anchor on. Pure; nothing is read twice."""

    __slots__ = ("_claim", "_upto", "claims")

    def __init__(self, anchor: Anchor = BEGINNING) -> None:
        self._upto, self._claim = anchor
        self.claims: list[int] = []

    @property
    def anchor(self) -> Anchor:
        """The newest claim at the last record that was taken: store it beside an offset, never the offset alone."""
        return Anchor(self._upto, self._claim)

    def take(self, records: Sequence[AnyRecord]) -> list[AnyRecord]:
        """Those of the next records (in offset order) that count, without claims; what was taken before is left out.

        `claims` grows by the offsets of the claims among them.
        """
        valid = []
        for record in records:
            if record.offset <= self._upto:
                continue
            epoch = epoch_of(record.headers)
            if epoch is None:
                if is_claim(record.headers):
                    self._claim = record.offset
                    self.claims.append(record.offset)
            elif epoch == self._claim:
                valid.append(record)
            self._upto = record.offset
        return valid


async def judge_from(log: Log, topic: str, partition: int, start: int, anchor: Anchor) -> ValidRecords:
    """A judge that is ready for the record at `start`: reads what lies between `anchor` and `start`.

    Raises `PositionLost` where the log no longer holds what follows the anchor, `ValueError` for an anchor beyond.
    """
    if anchor.upto >= start:
        raise ValueError(
            f"{topic}-{partition}: an anchor at {anchor.upto} does not help a reader that starts at {start}"
        )
    judge = ValidRecords(anchor)
    if anchor.upto + 1 < start:
        async for records in log.read(topic, partition, anchor.upto + 1, start):
            judge.take(records)
    return judge


async def newest_claim(log: Log, topic: str, partition: int, anchor: Anchor) -> int:
    """The newest claim of a partition at this moment (-1: none), looked up from `anchor` on."""
    end = (await log.bounds(topic))[partition].next
    if end <= anchor.upto + 1:
        return anchor.claim
    return (await judge_from(log, topic, partition, end, anchor)).anchor.claim
