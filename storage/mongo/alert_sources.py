"""How far the alerting worker has read each partition: a document a source, whose offset only grows."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.mongo.documents import Database
from storage.mongo.failures import repository

COLLECTION: Final = "alert_sources"


@repository
class AlertSources:
    """The next offset to read of each source (`risk-signals-3`). Alerts themselves keep what they have counted, so that what is
    read again counts once; this only says where reading goes on.
    """

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def all(self) -> dict[str, int]:
        """The next offset of each source that was read."""
        return {document["_id"]: document["next"] async for document in self._collection.find({})}

    async def reached(self, source: str, following: int) -> None:
        """Everything before `following` is in alerts. One that is behind what is kept changes nothing."""
        condition = {"_id": source, "next": {"$lt": following}}
        try:
            await self._collection.update_one(condition, {"$set": {"next": following}}, upsert=True)
        except DuplicateKeyError:
            return  # it is kept, and further
