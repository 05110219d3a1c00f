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
_AFTER_SEPARATOR: Final = chr(ord("|") + 1)


@repository
class Bars:
    """Bars by symbol, timeframe and start. `_id` is `symbol|timeframe|start`, so that a range is one walk of its index."""

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
        found: list[BarDocument] = []
        for symbol in symbols:
            found += [bar for bar in await gather(*(self._last(symbol, timeframe) for timeframe in TIMEFRAMES)) if bar]
        return found

    async def range(
        self, symbol: str, timeframe: Timeframe, start: int | None, end: int | None, limit: int
    ) -> list[BarDocument]:
        """The newest `limit` (at least 1) bars with `start` <= bar start < `end` (ns; None: open), oldest first.

        Bars that corrections have emptied are left out. Raises `ValueError` for a `limit` below 1.
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        identities = _identities(symbol, timeframe, start, end)
        cursor = self._collection.find({"_id": identities, "trades": {"$gt": 0}}).sort("_id", -1).limit(limit)
        newest_first = [_bar(document) async for document in cursor]
        return newest_first[::-1]

    async def delete_all(self) -> int:
        """Forget every bar; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count

    async def _last(self, symbol: str, timeframe: Timeframe) -> BarDocument | None:
        document = await self._collection.find_one(
            {"_id": _identities(symbol, timeframe, None, None)}, sort=[("_id", -1)]
        )
        return None if document is None else _bar(document)


def identity_of(key: BarKey) -> str:
    """The `_id`: sorts by start within a symbol and timeframe. Raises `ValueError` for a start before 1970."""
    symbol, timeframe, start = key
    if start < 0:
        raise ValueError(f"bar of {symbol} starts before 1970: {start}")
    return f"{symbol}|{timeframe}|{start:019d}"


def _identities(symbol: str, timeframe: Timeframe, start: int | None, end: int | None) -> dict[str, str]:
    """The condition on `_id` for `start` <= bar start < `end`."""
    first = f"{symbol}|{timeframe}|" if start is None else identity_of(BarKey(symbol, timeframe, max(start, 0)))
    stop = (
        f"{symbol}|{timeframe}{_AFTER_SEPARATOR}"
        if end is None
        else identity_of(BarKey(symbol, timeframe, max(end, 0)))
    )
    return {"$gte": first, "$lt": stop}


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
