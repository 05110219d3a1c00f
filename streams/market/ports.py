"""What the market processors ask of the store and of the log; `storage.mongo` and `storage.log` give it."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from storage.log.port import Bounds, Message, Position, Record
from storage.models.bars import BarDocument, BarKey
from storage.models.latest_quotes import LatestQuoteDocument


class BarsRepository(Protocol):
    """Bars as documents, one a (symbol, timeframe, start)."""

    async def write_many(self, documents: Sequence[BarDocument], /) -> object:
        """Insert or replace each, in the order given: a failure leaves a prefix of them written, never a later one
        without an earlier one (the recovery of revisions leans on it, docs/decisions/0024).

        Guarded: a stored document stays unless the new one has a greater `upto`, or at the same one a greater
        `revision`, or at the same revision is final where the stored one is open.
        """
        ...

    async def load(self, keys: Sequence[BarKey], /) -> list[BarDocument]:
        """Those that exist, in any order, emptied ones (`trades` 0) too."""
        ...

    async def ahead_of(self, partition: int, offset: int) -> list[BarDocument]:
        """Documents of `trades-<partition>` whose `upto` is `offset` or greater."""
        ...

    async def newest(self, partition: int) -> list[BarDocument]:
        """Of each (symbol, timeframe) of `trades-<partition>` the document with the greatest start, emptied ones too."""
        ...


class LatestQuotesRepository(Protocol):
    """The latest quote of each symbol as a document."""

    async def upsert_many(self, documents: Sequence[LatestQuoteDocument], /) -> object:
        """Insert or replace each where the stored `offset` is lower. A document without depth keeps the stored depth."""
        ...

    async def get_many(self, symbols: Sequence[str], /) -> dict[str, LatestQuoteDocument]:
        """Those that exist, by symbol."""
        ...


class LogAppend(Protocol):
    """The part of the log port through which derived records leave."""

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]: ...


class LogBounds(Protocol):
    """The part of the log port that tells how far a topic goes."""

    async def bounds(self, topic: str) -> dict[int, Bounds]: ...


class LogRead(LogBounds, Protocol):
    """The part of the log port that reads a range again."""

    def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]: ...


class MarketLog(LogAppend, LogRead, Protocol):
    """All that the market processors ask of the log."""
