"""Control documents: what people rule about trading, one document a thing, versioned, with an outbox field.

A change is stored with `pending` set, announced on the log, then marked; what stands pending is announced by whoever
finds it. Revisions of a document only grow.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from pymongo.errors import DuplicateKeyError

from storage.models.control_records import builtins_of, document_of
from storage.models.controls import ControlDocument, identity_of
from storage.mongo.documents import Database
from storage.mongo.failures import repository

COLLECTION: Final = "controls"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredControl:
    """A document at its newest revision. `changed_at` is ns since the epoch; `pending`: not known to be announced."""

    revision: int
    document: ControlDocument
    changed_at: int
    pending: bool


@repository
class ControlDocuments:
    """All control documents, lifted halts and withdrawn instruments too."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def put(self, documents: Sequence[ControlDocument], now: int) -> list[StoredControl]:
        """Store each as the next revision of its identity, pending; one that says what is stored already is left as it is.

        Returns what stands now, in the order given.
        """
        wanted = [identity_of(document) for document in documents]
        found = {stored["_id"]: stored async for stored in self._collection.find({"_id": {"$in": wanted}})}
        return [
            await self._put(identity, document, now, found.get(identity))
            for identity, document in zip(wanted, documents, strict=True)
        ]

    async def update(
        self, identity: str, change: Callable[[ControlDocument | None], ControlDocument], now: int
    ) -> StoredControl:
        """Store what `change` makes of the document of an identity (None: there is none) as its next revision, pending.

        Nobody else's change is lost: `change` is asked again when another was faster. What it leaves as it is stays.
        """
        while True:
            found = await self._collection.find_one({"_id": identity})
            document = change(None if found is None else document_of(found["document"]))
            fields = builtins_of(document)
            if found is not None and found["document"] == fields:
                return StoredControl(found["revision"], document, found["changed_at"], found["pending"])
            revision = found["revision"] + 1 if found is not None else 1
            if await self._replace(identity, revision, fields, now):
                return StoredControl(revision, document, now, pending=True)

    async def put_after(self, revision: int, document: ControlDocument, now: int) -> StoredControl | None:
        """Store it as the revision after `revision` (0: there is none yet), pending. None: another was faster."""
        fields = builtins_of(document)
        if not await self._replace(identity_of(document), revision + 1, fields, now):
            return None
        return StoredControl(revision + 1, document, now, pending=True)

    async def all(self) -> list[StoredControl]:
        """All that can be read; one that cannot (a newer version's) is logged and left out."""
        return await self._found({})

    async def of_kind(self, kind: str) -> list[StoredControl]:
        """Those whose `type` is `kind` (`halt`, `connector`, ...), as `all`."""
        return await self._found({"kind": kind})

    async def get(self, identity: str) -> StoredControl | None:
        """The document of an identity (`storage.models.controls.identity_of`)."""
        found = await self._found({"_id": identity})
        return found[0] if found else None

    async def get_many(self, identities: Iterable[str]) -> list[StoredControl]:
        """Those of these identities that there are, in one query."""
        return await self._found({"_id": {"$in": list(identities)}})

    async def unannounced(self, before_ns: int) -> list[StoredControl]:
        """What was stored before `before_ns` and is still pending, oldest first."""
        pending = await self._found({"pending": True, "changed_at": {"$lt": before_ns}})
        return sorted(pending, key=lambda stored: stored.changed_at)

    async def mark_announced(self, announced: Sequence[StoredControl]) -> None:
        """Note that these revisions are on the log; a newer one of the same document stays pending."""
        for stored in announced:
            condition = {"_id": identity_of(stored.document), "revision": stored.revision}
            await self._collection.update_one(condition, {"$set": {"pending": False}})

    async def _put(
        self, identity: str, document: ControlDocument, now: int, found: Mapping[str, Any] | None
    ) -> StoredControl:
        fields = builtins_of(document)
        while True:
            if found is not None and found["document"] == fields:
                return StoredControl(found["revision"], document, found["changed_at"], found["pending"])
            revision = found["revision"] + 1 if found is not None else 1
            if await self._replace(identity, revision, fields, now):
                return StoredControl(revision, document, now, pending=True)
            found = await self._collection.find_one({"_id": identity})

    async def _replace(self, identity: str, revision: int, fields: dict[str, Any], now: int) -> bool:
        """Whether the document was at the revision before (none before the first), and is at this one now."""
        written = {"kind": fields["type"], "revision": revision, "changed_at": now, "pending": True, "document": fields}
        try:
            if revision == 1:
                await self._collection.insert_one({"_id": identity, **written})
                return True
            condition = {"_id": identity, "revision": revision - 1}
            return (await self._collection.replace_one(condition, written)).matched_count == 1
        except DuplicateKeyError:
            return False

    async def _found(self, query: dict[str, Any]) -> list[StoredControl]:
        read = [_read(found) async for found in self._collection.find(query).sort("_id", 1)]
        return [stored for stored in read if stored is not None]


def _read(found: Mapping[str, Any]) -> StoredControl | None:
    try:
        document = document_of(found["document"])
    except msgspec.ValidationError as error:
        _log.error("control document %s cannot be read, so it has no effect: %s", found["_id"], error)
        return None
    return StoredControl(found["revision"], document, found["changed_at"], found["pending"])
