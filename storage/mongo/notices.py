"""Notices, one document each: mails that tell a person what happened, once."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.mails import Notice
from storage.mongo.documents import Database, document_of
from storage.mongo.failures import repository

COLLECTION: Final = "notices"


@repository
class Notices:
    """What people are told by mail."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, notice: Notice) -> bool:
        """Whether it is new. False: what happened was told already."""
        try:
            await self._collection.insert_one(document_of(notice, "notice_id"))
        except DuplicateKeyError:
            return False
        return True
