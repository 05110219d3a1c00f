"""Pages of an account's documents, newest first, that neither repeat nor skip a document while others come in."""

from collections import OrderedDict
from typing import Any, Final

from storage.models.read_models import Cursor
from storage.mongo.documents import Collection, Document

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1
_REMEMBERED_PAGES: Final = 4_096


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


class FirstPages:
    """First pages by conditions that a document goes on fitting, each asked for from where the last one like it ended.

    A page that is full is the same whatever lower bound it was asked with; one that is not is asked for again without. A server
    that goes along an index and stops gains nothing; one that sorts all it finds, as that of the local profile, does.
    """

    def __init__(self, collection: Collection, *, at: str, identity: str) -> None:
        self._collection = collection
        self._at = at
        self._identity = identity
        self._ends: OrderedDict[tuple[object, ...], int] = OrderedDict()

    async def newest(self, condition: Document, limit: int) -> list[Document]:
        """As `newest_first` behind nothing. `condition` says nothing of `at`, and its values can be hashed."""
        page = (limit, *condition.items())
        if (end := self._ends.get(page)) is not None:
            found = await self._find({**condition, self._at: {"$gte": end}}, limit)
            if len(found) == limit:
                return self._remember(page, found)
        found = await self._find(condition, limit)
        return self._remember(page, found) if len(found) == limit else found

    async def _find(self, condition: Document, limit: int) -> list[Document]:
        return await newest_first(self._collection, condition, None, limit, at=self._at, identity=self._identity)

    def _remember(self, page: tuple[object, ...], found: list[Document]) -> list[Document]:
        self._ends[page] = found[-1][self._at]
        self._ends.move_to_end(page)
        if len(self._ends) > _REMEMBERED_PAGES:
            self._ends.popitem(last=False)
        return found


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
