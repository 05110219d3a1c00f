"""Audit events, one document a link of the chain, never updated: `_id` is the seq, so that no two can be the same link."""

import asyncio
from typing import Final

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.models.audit import ActorType, AuditEvent, Stage
from storage.models.audit_chain import EMPTY, Head, Link, linked
from storage.mongo.documents import Database, Document, document_of, noun_of
from storage.mongo.failures import repository
from storage.sealing import KeyRing

COLLECTION: Final = "audit_events"
_IDENTITY: Final = "seq"
_LAST_CHARACTER: Final = "\U0010ffff"


@repository
class AuditEvents:
    """The kept trail. Any number of processes may append: of two that read the same head one has to read it again."""

    def __init__(self, database: Database, key_ring: KeyRing) -> None:
        # An event that a fail-over undoes would be a hole behind a published head.
        self._collection = database.get_collection(COLLECTION, write_concern=WriteConcern(w="majority"))
        self._key_ring = key_ring
        self._appending = asyncio.Lock()
        self._head: Head | None = None

    async def append(self, event: AuditEvent) -> AuditEvent:
        """The event as the newest link (its seq, prev_hash and hash are set here). Of an effect each stage is kept once: where
        it is there already, that one is returned, and nothing is appended.
        """
        async with self._appending:
            while True:
                head = self._head if self._head is not None else await self.head()
                self._head = None
                # Looked for behind the head: whoever appends it in between takes the seq that is tried here.
                kept = await self.of_effect(event.effect_id, event.stage)
                if kept is not None:
                    return kept
                link = await self._inserted(linked(event, head, self._key_ring))
                if link is not None:
                    self._head = Head(link.seq, link.hash)
                    return link

    async def head(self) -> Head:
        """The newest link."""
        cursor = self._collection.find({}, {"hash": 1}).sort("_id", -1).limit(1)
        found = [Head(document["_id"], document["hash"]) async for document in cursor]
        return found[0] if found else EMPTY

    async def of_effect(self, effect_id: str, stage: Stage) -> AuditEvent | None:
        """The event of a stage of an effect; None for the effect ""."""
        if not effect_id:
            return None
        document = await self._collection.find_one({"effect_id": effect_id, "stage": stage})
        return None if document is None else _event(document)

    async def newest(
        self, actor_type: ActorType | None, action_prefix: str | None, limit: int, before: int | None = None
    ) -> list[AuditEvent]:
        """At most `limit` events, newest first, with a seq below `before`."""
        condition: Document = {} if actor_type is None else {"actor_type": actor_type}
        if action_prefix:
            condition["action"] = {"$gte": action_prefix, "$lt": action_prefix + _LAST_CHARACTER}
        if before is not None:
            condition["_id"] = {"$lt": before}
        cursor = self._collection.find(condition).sort("_id", -1).limit(limit)
        return [_event(document) async for document in cursor]

    async def links(self, after: Link | None, limit: int) -> list[Link]:
        """At most `limit` links as they are kept, whatever has become of them, in the order of seq, behind `after`."""
        condition = {} if after is None else {"_id": {"$gt": after[_IDENTITY]}}
        cursor = self._collection.find(condition).sort("_id", 1).limit(limit)
        return [_link(document) async for document in cursor]

    async def _inserted(self, link: AuditEvent) -> AuditEvent | None:
        """The link once it is kept; None: another one has that seq."""
        try:
            await self._collection.insert_one(document_of(link, _IDENTITY))
        except DuplicateKeyError:
            kept = await self._collection.find_one({"_id": link.seq})
            # It may be this very one: the connection broke after the server had it, and the driver sent it again.
            return link if kept is not None and _link(kept) == _link(document_of(link, _IDENTITY)) else None
        return link


def _event(document: Document) -> AuditEvent:
    return noun_of(AuditEvent, _IDENTITY, document)


def _link(document: Document) -> Link:
    fields = dict(document)
    return {_IDENTITY: fields.pop("_id"), **fields}
