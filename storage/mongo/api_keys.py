"""API keys, one document a key; the secret is sealed before it comes here (storage/sealing.py)."""

from collections.abc import Iterable, Mapping
from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.tenants import ApiKey
from storage.mongo.documents import Database, document_of, noun_of
from storage.mongo.failures import AlreadyStored, repository

COLLECTION: Final = "api_keys"
_IDENTITY: Final = "key_id"


@repository
class ApiKeys:
    """The keys that sign requests. Times are nanoseconds since the epoch."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, key: ApiKey) -> None:
        """Add one. Raises `AlreadyStored`."""
        try:
            await self._collection.insert_one(document_of(key, _IDENTITY))
        except DuplicateKeyError as error:
            raise AlreadyStored(COLLECTION, key.key_id) from error

    async def get_many(self, key_ids: Iterable[str]) -> dict[str, ApiKey]:
        """Those that exist, revoked and expired ones too, by id, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(key_ids)}})
        return {document["_id"]: noun_of(ApiKey, _IDENTITY, document) async for document in cursor}

    async def of_tenant(self, tenant_id: str) -> list[ApiKey]:
        """All keys of a tenant, oldest first."""
        cursor = self._collection.find({"tenant_id": tenant_id}).sort([("created_at", 1), ("_id", 1)])
        return [noun_of(ApiKey, _IDENTITY, document) async for document in cursor]

    async def revoke(self, key_id: str, now: int) -> bool:
        """Whether this call revoked it: False for an unknown key and for one that was revoked before (its time stays)."""
        condition = {"_id": key_id, "revoked_at": None}
        return (await self._collection.update_one(condition, {"$set": {"revoked_at": now}})).modified_count == 1

    async def touch_last_used(self, used: Mapping[str, int]) -> None:
        """Note when keys were last used (key id -> time). An older time than the stored one changes nothing."""
        for key_id, moment in used.items():
            await self._collection.update_one({"_id": key_id}, {"$max": {"last_used_at": moment}})
