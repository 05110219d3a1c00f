"""Fills, one document each, written once: by the projection, read by `GET /v1/fills`."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ops.runtime.timestamps import parse_timestamp
from storage.models.money import whole_and_parts
from storage.models.read_models import Cursor, Fill, FillFilters
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.inserting import insert_missing
from storage.mongo.paging import FirstPages, between, newest_first

COLLECTION: Final = "fills"
_TIME: Final = "ts_ns"
_KEY: Final = "key"


@repository
class Fills:
    """An account's fills. `_id` is `account|order|fill`: venues give both sides of a trade one id. `ts_ns` and `key`
    (`order|fill`) are there for sorting, `units` and `parts` (whole ones and 1e-8 of the notional) for adding up.
    """

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._first_pages = FirstPages(self._collection, at=_TIME, identity=_KEY)

    async def page(self, account_id: str, filters: FillFilters, after: Cursor | None, limit: int) -> list[Fill]:
        """At most `limit` (1 or more) fills that fit, newest first, behind `after`; `cursor_of` the last is the next."""
        condition: Document = {"account_id": account_id}
        if filters.order_id is not None:
            condition["order_id"] = filters.order_id
        if filters.symbol is not None:
            condition["symbol"] = filters.symbol
        if times := between(filters.start, filters.end):
            condition[_TIME] = times
        elif after is None:
            return [msgspec.convert(document, Fill) for document in await self._first_pages.newest(condition, limit)]
        found = await newest_first(self._collection, condition, after, limit, at=_TIME, identity=_KEY)
        return [msgspec.convert(document, Fill) for document in found]

    async def insert(self, fills: Sequence[Fill]) -> None:
        """Insert those that are not there."""
        await insert_missing(self._collection, [_document(fill) for fill in fills])

    async def delete_all(self) -> int:
        """Forget every fill; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count


def cursor_of(fill: Fill) -> Cursor:
    """The cursor of a page of fills that ends with `fill`."""
    return Cursor(parse_timestamp(fill.ts), _key(fill))


def _key(fill: Fill) -> str:
    return f"{fill.order_id}|{fill.fill_id}"


def _document(fill: Fill) -> Document:
    key = _key(fill)
    units, parts = whole_and_parts(fill.notional)
    sorting = {"_id": f"{fill.account_id}|{key}", _KEY: key, _TIME: parse_timestamp(fill.ts)}
    return {**msgspec.to_builtins(fill), **sorting, "units": units, "parts": parts}
