"""Quotes that gave no liquidity, since they are none -> `dead-letters`."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from ops.runtime.clock import Clock
from ops.runtime.metrics import DEAD_LETTERS_TOTAL, Metrics
from ops.runtime.timestamps import format_timestamp
from storage.log.dead_letters import dead_letter_of, message_of
from storage.log.port import AppendUnknown, Log, LogUnavailable, Message, PositionLost
from storage.topics import DEAD_LETTERS, QUOTES, Topics

logger = logging.getLogger(__name__)
PROCESSOR: Final = "simulated-venue"
REASON: Final = "quote.undecodable"
INTERVAL_SECONDS: Final = 1.0


class Refused(Protocol):
    """A refused quote, by its offset."""

    @property
    def symbol(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def reason(self) -> str: ...


class Board(Protocol):
    """Who refuses: the last quote of each symbol is kept until it is taken, so nothing piles up."""

    def take_refused(self) -> Sequence[Refused]: ...


class RefusedQuotes:
    """Looks every second."""

    def __init__(self, board: Board, log: Log, topics: Topics, clock: Clock, metrics: Metrics) -> None:
        self._board, self._log, self._topics, self._clock = board, log, topics, clock
        self._counter = metrics.counter(DEAD_LETTERS_TOTAL).labels(processor=PROCESSOR, reason=REASON)

    async def run(self) -> None:
        """Until cancelled. While the log is away the letters of that time are lost, and that is logged."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Append letters for what was refused since the last time."""
        refused = self._board.take_refused()
        if not refused:
            return
        try:
            letters = [letter for quote in refused for letter in await self._letters(quote)]
            await self._log.append_many(DEAD_LETTERS, letters)
        except (LogUnavailable, AppendUnknown) as error:
            logger.warning("%d refused quotes get no dead letter: %s", len(refused), error)
        else:
            self._counter.inc(len(letters))

    async def _letters(self, quote: Refused) -> list[Message]:
        """The letter of the record as it stands on the log; none where it is gone."""
        partition = self._topics.partition(QUOTES, quote.symbol.encode())
        ts = format_timestamp(self._clock.now())
        try:
            return [
                message_of(dead_letter_of(record, QUOTES, processor=PROCESSOR, reason=REASON, text=quote.reason, ts=ts))
                async for records in self._log.read(QUOTES, partition, quote.offset, quote.offset + 1)
                for record in records
            ]
        except PositionLost as error:
            logger.warning("a refused quote of %s is gone from the log: %s", quote.symbol, error)
            return []
