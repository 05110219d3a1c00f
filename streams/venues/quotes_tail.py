"""Fourth step on the road of a quote (d): the partitions of `quotes` that are owned here -> the venue that lives on them.

Read outside any group. A partition is seeded from the latest-quote documents, then read from where the processor that
writes them has committed: documents are never behind that.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from storage.log.port import Log, LogUnavailable, PositionLost, Record, Tail, TailClosed
from storage.models.latest_quotes import LatestQuoteDocument
from storage.mongo.failures import StoreUnavailable
from storage.topics import QUOTES

logger = logging.getLogger(__name__)
TAKEN_AT_ONCE: Final = 250
"""Records between two turns of the event loop: about a millisecond where each of them touches an order."""


class SeedQuotes(Protocol):
    """`storage.mongo.latest_quotes.LatestQuotes`."""

    async def get_many(self, symbols: Iterable[str]) -> Mapping[str, LatestQuoteDocument]: ...


class QuotesReader(Protocol):
    """Who lives on the quotes. What it raises ends the tail."""

    def symbols(self, partition: int) -> Iterable[str]:
        """The symbols that may have quotes in a partition."""
        ...

    def seed(self, quote: LatestQuoteDocument) -> None:
        """A quote that was there before."""
        ...

    def take(self, partition: int, records: Sequence[Record]) -> None:
        """The next records of a partition, in offset order."""
        ...


class QuotesTail:
    """`quote_group` is the consumer group of the processor that writes `latest_quotes`."""

    def __init__(self, log: Log, latest_quotes: SeedQuotes, *, quote_group: str, retry_seconds: float = 0.2) -> None:
        self._log, self._latest_quotes, self._quote_group = log, latest_quotes, quote_group
        self._retry_seconds = retry_seconds
        self._followed: set[int] = set()
        self._positions: dict[int, int] = {}
        self._changed, self._moved = asyncio.Event(), asyncio.Event()

    def follow(self, partition: int) -> None:
        """Read this partition too, from now on."""
        if partition not in self._followed:
            self._followed.add(partition)
            self._changed.set()

    def leave(self, partition: int) -> None:
        """Do not read it any more."""
        self._followed.discard(partition)
        # A new mapping: whoever is in the midst of a batch sees that it is not his any more.
        self._positions = {number: offset for number, offset in self._positions.items() if number != partition}
        self._changed.set()
        self._moved.set()

    def follows(self, partition: int) -> bool:
        """Whether this partition is read."""
        return partition in self._followed

    async def catch_up(self) -> None:
        """Return when all has been taken that the followed partitions hold now. Raises `LogUnavailable`."""
        bounds = await self._log.bounds(QUOTES)
        while any(self._positions.get(number, -1) < bounds[number].next for number in self._followed):
            self._moved.clear()
            await self._moved.wait()

    async def behind(self) -> int:
        """How many records of the followed partitions are not taken. Raises `LogUnavailable`."""
        ends = (await self._log.ends([QUOTES]))[QUOTES]
        return sum(max(0, ends[number] - self._positions.get(number, 0)) for number in self._followed)

    async def run(self, reader: QuotesReader) -> None:
        """Read until cancelled, or until the log is closed. A log or store that is away is waited for."""
        while True:
            self._changed.clear()
            changed = asyncio.create_task(self._changed.wait())
            reading = asyncio.create_task(self._read(reader))
            try:
                await asyncio.wait({changed, reading}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    return await reading
            finally:
                for task in (changed, reading):
                    task.cancel()
                await asyncio.gather(changed, reading, return_exceptions=True)

    async def _read(self, reader: QuotesReader) -> None:
        """Read the partitions that are followed now, until the log is closed."""
        if not self._followed:
            await asyncio.Event().wait()
        while True:
            positions = self._positions
            try:
                for partition in self._followed - positions.keys():
                    positions[partition] = await self._seeded(partition, reader)
                self._moved.set()
                async with self._log.tail(QUOTES, positions) as tail:
                    while positions is self._positions:
                        await self._take(tail, positions, reader)
            except TailClosed:
                return
            except (LogUnavailable, StoreUnavailable) as error:
                logger.warning("quotes are read again in %g s: %s", self._retry_seconds, error)
                await asyncio.sleep(self._retry_seconds)

    async def _take(self, tail: Tail, positions: dict[int, int], reader: QuotesReader) -> None:
        try:
            records = await tail.batch()
        except PositionLost as error:
            start = error.bounds.first if error.offset < error.bounds.first else error.bounds.next
            logger.warning("%s; reading goes on at %d", error, start)
            positions[error.partition] = start
            await tail.add(error.partition, start)
        else:
            for first in range(0, len(records), TAKEN_AT_ONCE):
                if first:
                    await asyncio.sleep(0)
                if positions is not self._positions:
                    return
                some = records[first : first + TAKEN_AT_ONCE]
                reader.take(some[0].partition, some)
                positions[some[0].partition] = some[-1].offset + 1
        self._moved.set()

    async def _seeded(self, partition: int, reader: QuotesReader) -> int:
        """Where reading begins. A document whose offset the log has not reached was written for another log."""
        committed = await self._log.committed(self._quote_group, QUOTES)
        documents = await self._latest_quotes.get_many(reader.symbols(partition))
        held = (await self._log.bounds(QUOTES))[partition]
        for document in documents.values():
            if document.partition == partition and document.offset < held.next:
                reader.seed(document)
        return min(max(committed.get(partition, 0), held.first), held.next)
