"""Bars, one document each: written and restored by the bar processor, read by `GET /v1/bars`."""

from asyncio import gather
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from storage.models.bars import BarDocument, BarKey
from storage.models.market_data import TIMEFRAMES, Timeframe
from storage.mongo.documents import Database, Document, chunks
from storage.mongo.failures import repository
from storage.mongo.guarded import GuardedWrite, writer

COLLECTION: Final = "bars"
GUARD: Final = "written"
_KEYS_PER_QUERY: Final = 1_000
_REVISION_BITS: Final = 20
_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


@repository
class Bars:
    """Bars by symbol, timeframe and start. `_id` is `symbol|timeframe|start`; ranges walk the index `symbol_timeframe_start`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._writer = writer(self._collection, GUARD)

    async def write_many(self, bars: Sequence[BarDocument]) -> list[BarKey]:
        """Write those bars that are ahead of what is stored; returns the keys that were refused.

        Ahead is a greater `upto`, at the same `upto` a greater `revision`, at the same revision final after open.
        """
        refused = await self._writer.write([GuardedWrite(identity_of(bar.key), _fields(bar)) for bar in bars])
        return [_key(identity) for identity in refused]

    async def load(self, keys: Iterable[BarKey]) -> list[BarDocument]:
        """Those of the named bars that are stored, emptied ones too, in no order."""
        found: list[BarDocument] = []
        for chunk in chunks(keys, _KEYS_PER_QUERY):
            cursor = self._collection.find({"_id": {"$in": [identity_of(key) for key in chunk]}})
            found += [_bar(document) async for document in cursor]
        return found

    async def ahead_of(self, partition: int, offset: int) -> list[BarDocument]:
        """The bars of a partition of `trades` with `upto` >= `offset`, in the order of their `upto`."""
        cursor = self._collection.find({"partition": partition, "upto": {"$gte": offset}}).sort("upto", 1)
        return [_bar(document) async for document in cursor]

    async def newest(self, partition: int) -> list[BarDocument]:
        """Of each symbol and timeframe of a partition of `trades` the bar with the greatest start, emptied ones too."""
        symbols = await self._collection.distinct("symbol", {"partition": partition})
        lasts = await gather(*(self._last(symbol, timeframe) for symbol in symbols for timeframe in TIMEFRAMES))
        return [bar for bar in lasts if bar is not None]

    async def newest_of(self, timeframe: Timeframe) -> list[BarDocument]:
        """Of each symbol of the platform the newest bar of a timeframe that is not emptied, in no order."""
        symbols = await self._collection.distinct("symbol")
        lasts = await gather(*(self.range(symbol, timeframe, None, None, 1) for symbol in symbols))
        return [bar for last in lasts for bar in last]

    async def range(
        self, symbol: str, timeframe: Timeframe, start: int | None, end: int | None, limit: int
    ) -> list[BarDocument]:
        """The newest `limit` (at least 1) bars with `start` <= bar start < `end` (ns; None: open), oldest first.

        Bars that corrections have emptied are left out. Raises `ValueError` for a `limit` below 1.
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        condition = {"symbol": symbol, "timeframe": timeframe, "start": _between(start, end), "trades": {"$gt": 0}}
        cursor = self._collection.find(condition).sort("start", -1).limit(limit)
        newest_first = [_bar(document) async for document in cursor]
        return newest_first[::-1]

    async def delete_all(self) -> int:
        """Forget every bar; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count

    async def _last(self, symbol: str, timeframe: Timeframe) -> BarDocument | None:
        condition = {"symbol": symbol, "timeframe": timeframe}
        document = await self._collection.find_one(condition, sort=[("start", -1)])
        return None if document is None else _bar(document)


def identity_of(key: BarKey) -> str:
    """The `_id`; symbols hold no `|`."""
    return f"{key.symbol}|{key.timeframe}|{key.start}"


def _between(start: int | None, end: int | None) -> dict[str, int]:
    """The condition for `start` <= value < `end`, on whatever side is open too; times beyond 64 bits are the last ones."""
    first = _EARLIEST if start is None else min(max(start, _EARLIEST), _LATEST)
    return {"$gte": first, "$lt": _LATEST if end is None else min(max(end, _EARLIEST), _LATEST)}


def _key(identity: str) -> BarKey:
    symbol, timeframe, start = identity.split("|")
    return BarKey(symbol, timeframe, int(start))  # type: ignore[arg-type]  # written by identity_of


def _fields(bar: BarDocument) -> Document:
    """The bar's fields and the one number that orders its states: (`upto`, `revision`, `final`) in 43 + 20 + 1 bits."""
    fields = msgspec.structs.asdict(bar)
    revision = min(bar.revision, (1 << _REVISION_BITS) - 1)
    fields[GUARD] = (bar.upto << _REVISION_BITS | revision) << 1 | bar.final
    return fields


def _bar(document: Document) -> BarDocument:
    return msgspec.convert(document, BarDocument)
