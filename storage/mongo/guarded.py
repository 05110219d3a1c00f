"""The flush of the stream processors: many documents in one command, none of which ever goes backwards.

A write carries a number (the offset that it has folded up to) in a field of its document, and happens only where the
stored number is lower or no document is there. So writes may come twice, late and from a superseded process.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from mongomock_motor import AsyncMongoMockCollection
from pymongo.errors import AutoReconnect, DuplicateKeyError

from storage.mongo.documents import Collection, Document, chunks
from storage.mongo.failures import StoreUnavailable, WriteRefused

WRITES_PER_COMMAND: Final = 1_000
_DUPLICATE_KEY: Final = 11000


class GuardedWrite(NamedTuple):
    """Write `fields` to the document `identity` if its field `guard` is below `fields[guard]`, or if it is not there."""

    identity: str
    fields: Document


class Writer(Protocol):
    """Writes guarded documents; the two adapters differ in how."""

    async def write(self, writes: Sequence[GuardedWrite]) -> list[str]:
        """Identities of the documents that were refused, since what is stored is as new or newer."""
        ...


def writer(collection: Collection, guard: str) -> Writer:
    """The fastest way that the adapter behind `collection` has."""
    if isinstance(collection, AsyncMongoMockCollection):
        return _OneByOne(collection, guard)
    return _InOneCommand(collection, guard)


class _OneByOne:
    """mongomock knows neither the `update` command nor, with pymongo from 4.11 on, updates in `bulk_write`."""

    def __init__(self, collection: Collection, guard: str) -> None:
        self._collection, self._guard = collection, guard

    async def write(self, writes: Sequence[GuardedWrite]) -> list[str]:
        refused = []
        for identity, fields in writes:
            condition = {"_id": identity, self._guard: {"$lt": fields[self._guard]}}
            try:
                await self._collection.update_one(condition, {"$set": fields}, upsert=True)
            except DuplicateKeyError:
                refused.append(identity)
        return refused


class _InOneCommand:
    """One unordered `update` command: half the client CPU of the driver's `bulk_write` (docs/decisions/0013)."""

    def __init__(self, collection: Collection, guard: str) -> None:
        self._collection, self._guard = collection, guard

    async def write(self, writes: Sequence[GuardedWrite]) -> list[str]:
        refused = []
        for chunk in chunks(writes, WRITES_PER_COMMAND):
            refused += await self._write(chunk)
        return refused

    async def _write(self, writes: Sequence[GuardedWrite]) -> list[str]:
        guard = self._guard
        updates = [
            {"q": {"_id": identity, guard: {"$lt": fields[guard]}}, "u": {"$set": fields}, "upsert": True}
            for identity, fields in writes
        ]
        reply = await self._twice({"update": self._collection.name, "ordered": False, "updates": updates})
        refused = []
        for error in reply.get("writeErrors", ()):
            identity = writes[error["index"]].identity
            if error["code"] != _DUPLICATE_KEY:
                raise WriteRefused(f"{self._collection.name} did not take {identity!r}: {error['errmsg']}")
            refused.append(identity)
        return refused

    async def _twice(self, command: Document) -> dict[str, Any]:
        """Guarded writes may be repeated: so a connection that broke is tried once more, as the driver does it."""
        database = self._collection.database
        if concern := self._collection.write_concern.document:
            command["writeConcern"] = concern
        try:
            reply: dict[str, Any] = await database.command(command)
        except AutoReconnect:
            reply = await database.command(command)
        if problem := reply.get("writeConcernError"):
            raise StoreUnavailable(f"a write was not acknowledged by the replica set: {problem.get('errmsg')}")
        return reply
