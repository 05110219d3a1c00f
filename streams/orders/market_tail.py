"""Third step on the road of a quote (c): all partitions of `quotes` and `quote-states` -> the board of an order-core process.

Read outside any group, seeded from the latest-quote documents. A lag is never assumed away: the board is fresh only for a
moment after everything was read that the log had at some time, so a process that was paused, or whose log is away, finds
every symbol stale.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from ops.runtime.clock import Clock
from storage.log.port import Bounds, Log, LogUnavailable, PositionLost, TailClosed
from storage.models.latest_quotes import LatestQuoteDocument
from storage.mongo.failures import StoreUnavailable
from storage.topics import QUOTE_STATES, QUOTES
from streams.orders.board import MarketBoard

logger = logging.getLogger(__name__)
FRESH_FOR_NS: Final = 1_000_000_000
_TOPICS: Final = (QUOTES, QUOTE_STATES)


class SeedQuotes(Protocol):
    """The latest-quote documents."""

    async def all(self) -> Sequence[LatestQuoteDocument]: ...


class MarketTail:
    """Feeds `board`. `quote_group` is the consumer group of the processor that writes `latest_quotes`.

    Every `look_seconds` it asks how far the log reaches; once all of that is read, the board is fresh until a second
    after it asked.
    """

    def __init__(
        self,
        log: Log,
        board: MarketBoard,
        latest_quotes: SeedQuotes,
        clock: Clock,
        *,
        quote_group: str,
        look_seconds: float = 0.25,
        retry_seconds: float = 1.0,
    ) -> None:
        self._log, self._board, self._latest_quotes, self._clock = log, board, latest_quotes, clock
        self._quote_group = quote_group
        self._look_seconds, self._retry_seconds = look_seconds, retry_seconds
        self._positions: dict[str, dict[int, int]] = {}
        self._moved, self._ready = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled, or until the log is closed. What goes wrong on the way is a lag, and tried again."""
        while True:
            try:
                await self._follow()
            except TailClosed:
                return
            except PositionLost as error:
                self._positions.clear()
                logger.warning("quotes are seeded anew: %s", error)
            except (LogUnavailable, StoreUnavailable) as error:
                logger.warning("quotes are read again in %g s: %s", self._retry_seconds, error)
                await asyncio.sleep(self._retry_seconds)
            finally:
                self._board.fresh_until = 0

    async def ready(self) -> None:
        """Return when everything was read that was there at some time since the start."""
        await self._ready.wait()

    async def check(self) -> str | None:
        """The problem in words while quotes lag."""
        return "quotes lag: every symbol counts as stale" if self._board.lags(self._clock.now()) else None

    async def _follow(self) -> None:
        """Seed if that is needed, then read both topics and look how far they reach, until one of these fails."""
        if not self._positions:
            self._positions = await self._seeded()
        take = {QUOTES: self._board.take_quote, QUOTE_STATES: self._board.take_state}
        works = [self._look(), *(self._read(topic, take[topic]) for topic in _TOPICS)]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _seeded(self) -> dict[str, dict[int, int]]:
        """Where reading begins. The committed offsets are asked first: documents are never behind them."""
        committed = await self._log.committed(self._quote_group, QUOTES)
        documents = await self._latest_quotes.all()
        quotes, states = await self._log.bounds(QUOTES), await self._log.bounds(QUOTE_STATES)
        for document in documents:
            if _is_of(quotes, document):
                self._board.take_quote(document.symbol.encode(), document.value)
        starts = {number: min(max(committed.get(number, 0), held.first), held.next) for number, held in quotes.items()}
        return {QUOTES: starts, QUOTE_STATES: {number: held.first for number, held in states.items()}}

    async def _read(self, topic: str, take: Callable[[bytes, bytes], None]) -> None:
        positions = self._positions[topic]
        async with self._log.tail(topic, positions) as tail:
            while True:
                records = await tail.batch()
                for record in records:
                    take(record.key or b"", record.value or b"")
                positions[records[0].partition] = records[-1].offset + 1
                self._moved.set()

    async def _look(self) -> None:
        while True:
            asked_at = self._clock.now()
            ends = await self._log.ends(_TOPICS)
            while not self._has_read(ends):
                self._moved.clear()
                await self._moved.wait()
            self._board.fresh_until = asked_at + FRESH_FOR_NS
            self._ready.set()
            await asyncio.sleep(self._look_seconds)

    def _has_read(self, ends: Mapping[str, Mapping[int, int]]) -> bool:
        return all(
            self._positions[topic][number] >= end for topic, ends_of in ends.items() for number, end in ends_of.items()
        )


def _is_of(bounds: Mapping[int, Bounds], document: LatestQuoteDocument) -> bool:
    """A document whose offset this log has not reached was written for another log: it is no seed for this one."""
    held = bounds.get(document.partition)
    return held is not None and document.offset < held.next
