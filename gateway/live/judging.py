"""Which records of a topic with owners count, for one live reader and for resumes that begin anywhere (docs/ownership.md, rules 2 and 9).

Nobody gets claims and records of superseded owners. What the live reader has seen of claims serves resumes that begin after
its start without a read; older ones begin at an anchor out of the owner's documents.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from storage.log.port import Log, Record
from storage.log.valid_records import ValidRecords, judge_from
from storage.models.ownership import BEGINNING, Anchor, ClaimHistory, Floor


class ClaimDocuments(Protocol):
    """The claims of each partition as its owners noted them."""

    async def get(self, partition: int) -> ClaimHistory: ...


class FloorDocuments(Protocol):
    """The floor of each partition."""

    async def get(self, partition: int) -> Floor: ...


class OwnerDocuments(NamedTuple):
    """What owners of one topic have stored. They may be old: that costs reading, not correctness."""

    claims: ClaimDocuments
    floors: FloorDocuments


class _Live(NamedTuple):
    """The judge of a live reader, and the anchor that it began at."""

    begin: Anchor
    judge: ValidRecords

    def anchor_before(self, start: int) -> Anchor | None:
        """The anchor right before `start`, where the reader has passed it."""
        if not self.begin.upto < start <= self.judge.anchor.upto + 1:
            return None
        before = [claim for claim in self.judge.claims if claim < start]
        return Anchor(start - 1, before[-1] if before else self.begin.claim)


class Judging:
    """The judges of one topic. Without `documents` every one begins at the start of the log."""

    def __init__(self, log: Log, log_topic: str, documents: OwnerDocuments | None) -> None:
        self._log, self._log_topic, self._documents = log, log_topic, documents
        self._live: dict[int, _Live] = {}

    async def open(self, partition: int, start: int) -> None:
        """Get ready to judge a live reader's records from `start` on.

        Raises `LogUnavailable`, `StoreUnavailable`, and `PositionLost` where the log has lost what follows the anchor.
        """
        judge = await self._from_documents(partition, start)
        self._live[partition] = _Live(judge.anchor, judge)

    def take(self, partition: int, records: Sequence[Record]) -> Sequence[Record]:
        """Those of the live reader's next records that count."""
        return self._live[partition].judge.take(records)

    async def before(self, partition: int, start: int) -> ValidRecords:
        """A judge for somebody else who reads from `start` on. Raises as `open` does."""
        live = self._live.get(partition)
        anchor = live.anchor_before(start) if live is not None else None
        return await self._from_documents(partition, start) if anchor is None else ValidRecords(anchor)

    async def _from_documents(self, partition: int, start: int) -> ValidRecords:
        anchor = BEGINNING
        if self._documents is not None:
            floor = await self._documents.floors.get(partition)
            anchor = (await self._documents.claims.get(partition)).anchor_before(start, floor)
        return await judge_from(self._log, self._log_topic, partition, start, anchor)
