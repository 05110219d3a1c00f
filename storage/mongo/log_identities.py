"""Which log the stored offsets belong to, one document a topic: a topic that was made anew counts from 0 again."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.mongo.documents import Database
from storage.mongo.failures import repository

COLLECTION: Final = "log_identities"


@repository
class LogIdentities:
    """Topic -> the id of the log that its offsets were counted in."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def get_all(self) -> dict[str, str]:
        """All of them."""
        return {document["_id"]: document["log_id"] async for document in self._collection.find({})}

    async def put_if_absent(self, topic: str, log_id: str) -> str:
        """Note `log_id` unless one is noted; returns the one that stands."""
        try:
            await self._collection.insert_one({"_id": topic, "log_id": log_id})
        except DuplicateKeyError:
            document = await self._collection.find_one({"_id": topic})
            if document is not None:
                return str(document["log_id"])
        return log_id

    async def replace(self, topic: str, log_id: str) -> None:
        """Note `log_id` for a log that is about to be made, whatever an earlier log of that topic was called."""
        await self._collection.replace_one({"_id": topic}, {"log_id": log_id}, upsert=True)
