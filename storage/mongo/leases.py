"""Leases, one document a name: the right of one holder to do something alone until a time."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.operations import Lease
from storage.mongo.documents import Database, noun_of
from storage.mongo.failures import repository

COLLECTION: Final = "leases"
_LONGEST_SECONDS: Final = 86_400


@repository
class Leases:
    """Exclusive rights by name. The caller gives the time, so holders' clocks must agree to well within a lease."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def acquire(self, name: str, holder: str, ttl_seconds: float, now: int) -> bool:
        """Take a lease that is free, expired or already ours, until `now` (ns) + `ttl_seconds`. False: another holds it."""
        condition = {"_id": name, "$or": [{"holder": holder}, {"expires_at": {"$lte": now}}]}
        change = {"$set": {"holder": holder, "expires_at": _expiry(ttl_seconds, now)}}
        try:
            await self._collection.update_one(condition, change, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def renew(self, name: str, holder: str, ttl_seconds: float, now: int) -> bool:
        """Hold it longer. False: it was lost (somebody else took it after it had expired, or it was released)."""
        change = {"$set": {"expires_at": _expiry(ttl_seconds, now)}}
        return (await self._collection.update_one({"_id": name, "holder": holder}, change)).matched_count == 1

    async def release(self, name: str, holder: str) -> bool:
        """Give it back. False: it was not ours."""
        return (await self._collection.delete_one({"_id": name, "holder": holder})).deleted_count == 1

    async def holder(self, name: str, now: int) -> Lease | None:
        """The lease that stands at `now`, None when it is free or expired."""
        document = await self._collection.find_one({"_id": name})
        if document is None or document["expires_at"] <= now:
            return None
        return noun_of(Lease, "name", document)


def _expiry(ttl_seconds: float, now: int) -> int:
    if not 0 < ttl_seconds <= _LONGEST_SECONDS:
        raise ValueError(f"a lease lasts more than 0 and at most {_LONGEST_SECONDS} seconds, not {ttl_seconds}")
    return now + round(ttl_seconds * NANOSECONDS_PER_SECOND)
