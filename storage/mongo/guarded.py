"""The flush of the stream processors: many documents in one command, none of which ever goes backwards.

A write carries a number (the offset that it has folded up to) in a field of its document, and happens only where the
stored number is lower or no document is there. So writes may come twice, late and from a superseded process. They take
effect in the order given: whatever fails, and whoever is killed, leaves a first part of them written.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import AutoReconnect, DocumentTooLarge, DuplicateKeyError

from storage.mongo.documents import Collection, Document, chunks
from storage.mongo.failures import StoreUnavailable, WriteRefused

WRITES_PER_COMMAND: Final = 1_000
_DUPLICATE_KEY: Final = 11000


class GuardedWrite(NamedTuple):
    """Make `fields` the document `identity`, or (with `keeps_others`) set them in it, if its guard allows it."""

    identity: str
    fields: Document
    keeps_others: bool = False


class Writer(Protocol):
    """Writes guarded documents; the two adapters differ in how."""

    async def write(self, writes: Sequence[GuardedWrite]) -> list[str]:
        """Identities of the documents that were refused, since what is stored is as new or newer.

        As new may also be this very write: its connection broke after the server had it, and it was sent again.
        """
        ...


def writer(collection: Collection, guard: str) -> Writer:
    """The fastest way that the adapter behind `collection` has; `guard` names the field with the number."""
    if issubclass(type(collection), AsyncIOMotorCollection):  # isinstance is what mongomock's say of themselves
        return _InOneCommand(collection, guard)
    return _OneByOne(collection, guard)


class _OneByOne:
    """mongomock knows neither the `update` command nor, with pymongo from 4.11 on, updates in `bulk_write`."""

    def __init__(self, collection: Collection, guard: str) -> None:
        self._collection, self._guard = collection, guard

    async def write(self, writes: Sequence[GuardedWrite]) -> list[str]:
        refused = []
        for write in writes:
            condition = {"_id": write.identity, self._guard: {"$lt": write.fields[self._guard]}}
            try:
                if write.keeps_others:
                    await self._collection.update_one(condition, {"$set": write.fields}, upsert=True)
                else:
                    await self._collection.replace_one(condition, write.fields, upsert=True)
            except DuplicateKeyError:
                refused.append(write.identity)
            await asyncio.sleep(0)  # mongomock gives the loop no turn, and a flush of many would hold it for long
        return refused


class _InOneCommand:
    """The bare `update` command: the driver's `bulk_write` costs a third more CPU, thrice when refused (decision 0013).

    A guard that does not match makes the upsert an insert, which the `_id` of the newer document refuses.
    """

    def __init__(self, collection: Collection, guard: str) -> None:
        self._collection, self._guard = collection, guard

    async def write(self, writes: Sequence[GuardedWrite]) -> list[str]:
        refused: list[str] = []
        for chunk in chunks(writes, WRITES_PER_COMMAND):
            waiting = chunk
            while waiting:
                stopped_at = await self._write_until_refused(waiting)
                if stopped_at is None:
                    break
                refused.append(waiting[stopped_at].identity)
                waiting, behind = await self._split(waiting[stopped_at + 1 :])
                refused += behind
        return refused

    async def _write_until_refused(self, writes: Sequence[GuardedWrite]) -> int | None:
        """Write in order; the index of the first that was refused (nothing after it is written), None if none was."""
        reply = await self._twice([self._update(write) for write in writes])
        errors = reply.get("writeErrors")
        if not errors:
            return None
        index, code = int(errors[0]["index"]), errors[0]["code"]
        if code != _DUPLICATE_KEY:
            identity, reason = writes[index].identity, errors[0].get("errmsg", f"error {code}")
            raise WriteRefused(f"{self._collection.name} did not take {identity!r}: {reason}")
        return index

    def _update(self, write: GuardedWrite) -> Document:
        identity, fields, keeps_others = write
        condition = {"_id": identity, self._guard: {"$lt": fields[self._guard]}}
        return {"q": condition, "u": {"$set": fields} if keeps_others else fields, "upsert": True}

    async def _split(self, writes: Sequence[GuardedWrite]) -> tuple[list[GuardedWrite], list[str]]:
        """Those that are still to be written and those that would be refused, so that not each costs a command."""
        guard = self._guard
        query = {"_id": {"$in": [write.identity for write in writes]}}
        stored = {found["_id"]: found[guard] async for found in self._collection.find(query, {guard: 1})}
        waiting = [write for write in writes if write.fields[guard] > stored.get(write.identity, -1)]
        return waiting, [write.identity for write in writes if write.fields[guard] <= stored.get(write.identity, -1)]

    async def _twice(self, updates: list[Document]) -> dict[str, Any]:
        """Guarded writes may be repeated: so a connection that broke is tried once more, as the driver does it."""
        command: Document = {"update": self._collection.name, "ordered": True, "updates": updates}
        if concern := self._collection.write_concern.document:
            command["writeConcern"] = concern
        try:
            reply: dict[str, Any] = await self._collection.database.command(command)
        except AutoReconnect:
            reply = await self._collection.database.command(command)
        except DocumentTooLarge as error:
            raise WriteRefused(f"{self._collection.name} did not take {len(updates)} writes: {error}") from error
        if problem := reply.get("writeConcernError"):
            raise StoreUnavailable(f"a write was not acknowledged by the replica set: {problem.get('errmsg')}")
        return reply
