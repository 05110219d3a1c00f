"""Pages of an account's documents, newest first, that neither repeat nor skip a document while others come in."""

from typing import Any, Final

from storage.models.read_models import Cursor
from storage.mongo.documents import Collection, Document

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1


async def newest_first(
    collection: Collection, condition: Document, after: Cursor | None, limit: int, *, at: str, identity: str
) -> list[Document]:
    """At most `limit` documents that fit `condition`, by the fields `at` and `identity`, behind `after`.

    Raises `ValueError` for a `limit` below 1.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    behind = {} if after is None else _behind(after, at, identity)
    cursor = collection.find({**condition, **behind}).sort([(at, -1), (identity, -1)]).limit(limit)
    return [document async for document in cursor]


def between(start: int | None, end: int | None) -> dict[str, int]:
    """The condition for `start` <= value < `end`, on whatever side is open too; times beyond 64 bits are the last ones."""
    condition = {} if start is None else {"$gte": _within(start)}
    return condition if end is None else {**condition, "$lt": _within(end)}


def _within(time: int) -> int:
    return min(max(time, _EARLIEST), _LATEST)


def _behind(after: Cursor, at: str, identity: str) -> dict[str, Any]:
    earlier = {at: {"$lt": after.at}}
    same = {at: after.at, identity: {"$lt": after.identity}}
    return {"$or": [earlier, same]}
