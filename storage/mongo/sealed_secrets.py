"""Sealed texts and keyed hashes wherever they stand: read, counted by key, and replaced one by one under a guard."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.sealed_fields import HashedField, SealedField

_SEALED: Final = "^v1\\."
_HASHED: Final = "^h1\\."
MOST_NAMED: Final = 20


class SealedText(NamedTuple):
    """One sealed text: the `_id` of its document, the text, and what it was sealed for."""

    identity: str
    text: str
    context: bytes


class KeyUse(NamedTuple):
    """How many texts or hashes each key made; `unknown` are the ids of keys that were not asked about (at most 20)."""

    by_key: dict[str, int]
    unknown: tuple[str, ...]


@repository
class SealedSecrets:
    """What a rotation of the encryption keys reads and writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, field: SealedField, after: str, limit: int) -> list[SealedText]:
        """At most `limit` sealed texts of a field, in the order of their documents' `_id`, behind `after`."""
        condition = {"_id": {"$gt": after}, field.path: {"$regex": _SEALED}}
        shown = dict.fromkeys((field.path, *field.reads), 1)
        cursor = self._database[field.collection].find(condition, shown).sort("_id", 1).limit(limit)
        return [
            SealedText(found["_id"], _at(found, field.path), field.context(found).encode()) async for found in cursor
        ]

    async def replace(self, field: SealedField, old: SealedText, text: str) -> bool:
        """Whether `text` took the place of `old`: False when the document has another text by now, or is gone."""
        guard = {"_id": old.identity, field.path: old.text}
        change = {"$set": {field.path: text}}
        return (await self._database[field.collection].update_one(guard, change)).matched_count == 1

    async def sealed_by(self, field: SealedField, key_ids: Iterable[str]) -> KeyUse:
        """By which keys the texts of a field are sealed."""
        return await self._use(field.collection, field.path, _SEALED, {}, key_ids)

    async def hashed_by(self, field: HashedField, key_ids: Iterable[str], now: int) -> KeyUse:
        """By which keys the hashes of a field that still count are made."""
        return await self._use(field.collection, field.path, _HASHED, field.alive(now), key_ids)

    async def _use(self, collection: str, path: str, version: str, alive: Document, key_ids: Iterable[str]) -> KeyUse:
        """Counted by the server: the audit trail has no end."""
        documents = self._database[collection]
        by_key = {
            key_id: await documents.count_documents({**alive, path: {"$regex": f"{version}{re.escape(key_id)}\\."}})
            for key_id in key_ids
        }
        if sum(by_key.values()) == await documents.count_documents({**alive, path: {"$regex": version}}):
            return KeyUse(by_key, ())
        others = "|".join(re.escape(key_id) for key_id in by_key)
        condition = {
            "$and": [{**alive, path: {"$regex": version}}, {path: {"$not": re.compile(f"{version}({others})\\.")}}]
        }
        cursor = documents.find(condition, {path: 1}).limit(MOST_NAMED)
        return KeyUse(by_key, tuple(sorted({_at(found, path).split(".")[1] async for found in cursor})))


def _at(document: Document, path: str) -> str:
    value = document
    for name in path.split("."):
        value = value[name]
    return str(value)
