"""What each alert webhook answered last: a document a name."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.mongo.documents import Database
from storage.mongo.failures import repository

COLLECTION: Final = "alert_hooks"


@repository
class AlertHooks:
    """The last status of each webhook: an HTTP status as text, or why there was none (`timeout`)."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def answered(self, name: str, status: str, at: int) -> None:
        """It was tried at `at` (ns). An older try than the one that is kept changes nothing."""
        condition = {"_id": name, "at": {"$lt": at}}
        try:
            await self._collection.update_one(condition, {"$set": {"status": status, "at": at}}, upsert=True)
        except DuplicateKeyError:
            return  # a newer one is kept

    async def statuses(self) -> dict[str, str]:
        """The last status of each that was ever tried."""
        return {document["_id"]: document["status"] async for document in self._collection.find({})}
