"""Latest quotes, one document a symbol: written by the quote processor, read as the seed of a gateway's frames."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from storage.models.latest_quotes import LatestQuoteDocument
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.guarded import GuardedWrite, writer

COLLECTION: Final = "latest_quotes"


@repository
class LatestQuotes:
    """The newest quote of each symbol by the offset of its record."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._writer = writer(self._collection, "offset")

    async def upsert_many(self, quotes: Sequence[LatestQuoteDocument]) -> list[str]:
        """Write those whose `offset` is above the stored one; returns the symbols that were refused.

        A quote without `depth` leaves the stored depth as it is.
        """
        return await self._writer.write(
            [GuardedWrite(quote.symbol, _fields(quote), quote.depth is None) for quote in quotes]
        )

    async def get_many(self, symbols: Iterable[str]) -> dict[str, LatestQuoteDocument]:
        """The quotes of those symbols that have one, by symbol."""
        cursor = self._collection.find({"_id": {"$in": list(symbols)}})
        return {document["_id"]: _quote(document) async for document in cursor}

    async def all(self) -> list[LatestQuoteDocument]:
        """Every symbol's quote."""
        return [_quote(document) async for document in self._collection.find({})]


def _fields(quote: LatestQuoteDocument) -> Document:
    fields = msgspec.structs.asdict(quote)
    del fields["symbol"]
    if quote.depth is None:
        del fields["depth"], fields["depth_offset"]
    return fields


def _quote(document: Document) -> LatestQuoteDocument:
    return LatestQuoteDocument(
        symbol=document["_id"],
        partition=document["partition"],
        offset=document["offset"],
        value=document["value"],
        taken_in=document["taken_in"],
        depth=document.get("depth"),
        depth_offset=document.get("depth_offset"),
    )
