"""Idempotency records: inserted before an effect, given their answer after it, dropped after 24 h."""

from typing import Any, Final

import msgspec
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.models.idempotency import IdempotencyRecord, KeptAnswer
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository

COLLECTION: Final = "idempotency_records"


@repository
class IdempotencyRecords:
    """One document a key; `_id` is the record's identity. Every change is guarded by what was read before it."""

    def __init__(self, database: Database) -> None:
        # A record that a fail-over undoes would let a repeat have a second effect.
        self._collection = database.get_collection(COLLECTION, write_concern=WriteConcern(w="majority"))

    async def insert(self, record: IdempotencyRecord) -> bool:
        """Keep `record`; False: one with its identity is kept already (it may be this one, sent twice by the driver)."""
        try:
            await self._collection.insert_one(_document(record))
        except DuplicateKeyError:
            return False
        return True

    async def get(self, identity: str) -> IdempotencyRecord | None:
        """The record that is kept under an identity."""
        document = await self._collection.find_one({"_id": identity})
        return None if document is None else _record(document)

    async def replace(self, before: IdempotencyRecord, after: IdempotencyRecord) -> bool:
        """Keep `after` in the place of `before`, if that is what is kept still."""
        guard = {
            "_id": before.identity, "holder": before.holder, "state": before.state, "lease_until": before.lease_until,
        }  # fmt: skip
        return (await self._collection.replace_one(guard, _document(after))).modified_count == 1

    async def finish(self, identity: str, effect_id: str, answer: KeptAnswer) -> bool:
        """Note what the write came to. False: somebody has noted it before, or the record is gone or another's."""
        guard = {"_id": identity, "effect_id": effect_id, "state": "in_progress"}
        change = {"$set": {"state": "done", "answer": _answer_document(answer)}}
        return (await self._collection.update_one(guard, change)).modified_count == 1

    async def release(self, record: IdempotencyRecord) -> bool:
        """Let the next try begin at once, if nobody else tries already; it will have the same effect id."""
        return (await self._collection.update_one(_held_by(record), {"$set": {"lease_until": 0}})).modified_count == 1

    async def forget(self, record: IdempotencyRecord) -> bool:
        """Remove a record under which nothing has happened, if nobody else tries already."""
        return (await self._collection.delete_one(_held_by(record))).deleted_count == 1

    async def drop_before(self, created_at: int) -> int:
        """Forget the records that were made before a time (ns); how many."""
        return (await self._collection.delete_many({"created_at": {"$lt": created_at}})).deleted_count


def _held_by(record: IdempotencyRecord) -> Document:
    return {"_id": record.identity, "holder": record.holder, "state": "in_progress"}


def _document(record: IdempotencyRecord) -> Document:
    fields = msgspec.structs.asdict(record)
    answer = None if record.answer is None else _answer_document(record.answer)
    return {"_id": fields.pop("identity"), **fields, "answer": answer}


def _answer_document(answer: KeptAnswer) -> dict[str, Any]:
    return {**msgspec.structs.asdict(answer), "fields": [list(field) for field in answer.fields]}


def _record(document: Document) -> IdempotencyRecord:
    return msgspec.convert({**document, "identity": document["_id"]}, IdempotencyRecord)
