"""Heartbeats, one document a process."""

from typing import Final

from storage.models.operations import Heartbeat
from storage.mongo.documents import Database, document_of, noun_of
from storage.mongo.failures import repository

COLLECTION: Final = "heartbeats"
_IDENTITY: Final = "process_id"


@repository
class Heartbeats:
    """Which processes live, and what they do. Times are nanoseconds since the epoch."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Replace the process's last one."""
        document = document_of(heartbeat, _IDENTITY)
        await self._collection.replace_one({"_id": heartbeat.process_id}, document, upsert=True)

    async def all(self, since: int) -> list[Heartbeat]:
        """The last beat of every process with `beat_at` >= `since`, by process id."""
        cursor = self._collection.find({"beat_at": {"$gte": since}}).sort("_id", 1)
        return [noun_of(Heartbeat, _IDENTITY, document) async for document in cursor]

    async def remove(self, process_id: str) -> None:
        """Forget a process that ends."""
        await self._collection.delete_one({"_id": process_id})

    async def remove_silent(self, before: int) -> int:
        """Forget the processes whose last beat is older than `before`; returns how many."""
        return (await self._collection.delete_many({"beat_at": {"$lt": before}})).deleted_count
