"""Alerts, one document each: `_id` is the code and subject (hashed) and which alert of them it is, so that of two processes that
begin the same alert one finds the other's.
"""

from collections.abc import Callable, Iterable
from typing import Final

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.models.alerts import Alert, AlertState, Severity, key_of
from storage.models.read_models import Cursor
from storage.mongo.documents import Database, Document, document_of, noun_of
from storage.mongo.failures import repository
from storage.mongo.paging import newest_first

COLLECTION: Final = "alerts"
_IDENTITY: Final = "_id"
_DIGITS: Final = 8


@repository
class Alerts:
    """All alerts. What changes one is applied to how it stands, again when somebody else was faster."""

    def __init__(self, database: Database) -> None:
        # A fail-over that undid a write would tell people twice.
        self._collection = database.get_collection(COLLECTION, write_concern=WriteConcern(w="majority"))

    async def get(self, alert_id: str) -> Alert | None:
        """The alert of that id."""
        return await self._first({"alert_id": alert_id})

    async def newest(self, code: str, subject: str) -> Alert | None:
        """The last alert of a code and subject."""
        cursor = self._collection.find({"key": key_of(code, subject)}).sort("number", -1).limit(1)
        return next(iter([_noun(document) async for document in cursor]), None)

    async def change_newest(
        self, code: str, subject: str, change: Callable[[Alert | None], Alert | None]
    ) -> Alert | None:
        """Keep what `change` makes of the newest alert of a code and subject: that one changed, or the next one. What is kept;
        None where `change` made nothing of it.
        """
        while True:
            newest = await self.newest(code, subject)
            after = change(newest)
            if after is None or after == newest:
                return None
            if newest is not None and after.number == newest.number:
                kept = await self._replaced(after)
            else:
                kept = await self._inserted(after)
            if kept is not None:
                return kept

    async def change(self, alert_id: str, change: Callable[[Alert], Alert | None]) -> Alert | None:
        """Keep what `change` makes of the alert; None where it made nothing of it, or there is no such alert."""
        while (alert := await self.get(alert_id)) is not None:
            after = change(alert)
            if after is None or after == alert:
                return None
            kept = await self._replaced(after)
            if kept is not None:
                return kept
        return None

    async def page(
        self, code: str | None, severity: Severity | None, state: AlertState | None, after: Cursor | None, limit: int
    ) -> list[Alert]:
        """At most `limit` alerts that fit, those that began last first, behind `after`."""
        filters = {"code": code, "severity": severity, "state": state}
        condition = {name: value for name, value in filters.items() if value is not None}
        found = await newest_first(self._collection, condition, after, limit, at="first_seen_at", identity="alert_id")
        return [_noun(document) for document in found]

    async def standing(self, codes: Iterable[str]) -> list[Alert]:
        """The alerts of these codes that are not resolved."""
        cursor = self._collection.find({"code": {"$in": list(codes)}, "state": {"$in": ["open", "acknowledged"]}})
        return [_noun(document) async for document in cursor]

    async def count_standing(self) -> int:
        """How many alerts are not resolved."""
        return await self._collection.count_documents({"state": {"$in": ["open", "acknowledged"]}})

    async def due(self, now: int, limit: int) -> list[str]:
        """At most `limit` ids of alerts that somebody has to tell of."""
        cursor = self._collection.find({"due_at": {"$lte": now}}, {"alert_id": 1}).sort("due_at", 1).limit(limit)
        return [document["alert_id"] async for document in cursor]

    async def quiet(self, now: int, limit: int) -> list[str]:
        """At most `limit` ids of alerts of which nothing was reported for as long as it takes."""
        cursor = self._collection.find({"quiet_at": {"$lte": now}}, {"alert_id": 1}).limit(limit)
        return [document["alert_id"] async for document in cursor]

    async def drop_before(self, before: int) -> int:
        """Forget what was resolved before that time (ns); returns how many."""
        return (await self._collection.delete_many({"resolved_at": {"$lt": before}})).deleted_count

    async def _first(self, condition: Document) -> Alert | None:
        document = await self._collection.find_one(condition)
        return None if document is None else _noun(document)

    async def _replaced(self, alert: Alert) -> Alert | None:
        """None: somebody else was faster."""
        after = alert.model_copy(update={"version": alert.version + 1})
        document = _document(after)
        where = {"_id": document["_id"], "version": alert.version}
        return after if (await self._collection.replace_one(where, document)).matched_count == 1 else None

    async def _inserted(self, alert: Alert) -> Alert | None:
        """None: somebody else was faster."""
        try:
            await self._collection.insert_one(_document(alert))
        except DuplicateKeyError:
            return None
        return alert


def cursor_of(alert: Alert) -> Cursor:
    """The cursor of a page of alerts that ends with `alert`."""
    return Cursor(alert.first_seen_at, alert.alert_id)


def _document(alert: Alert) -> Document:
    key = key_of(alert.code, alert.subject)
    fields = document_of(alert, "alert_id")
    return {**fields, "_id": f"{key}:{alert.number:0{_DIGITS}d}", "key": key, "alert_id": alert.alert_id}


def _noun(document: Document) -> Alert:
    return noun_of(Alert, "alert_id", {**document, _IDENTITY: document["alert_id"]})
