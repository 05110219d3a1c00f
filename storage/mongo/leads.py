"""Leads, one document an e-mail address."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.leads import Lead
from storage.mongo.documents import Database, noun_of
from storage.mongo.failures import repository

COLLECTION: Final = "leads"
_IDENTITY: Final = "work_email"
_OF_THE_FIRST: Final = ("lead_id", "created_at")


@repository
class Leads:
    """The waitlist. An address is on it once, under the `lead_id` that it got first."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def submit(self, lead: Lead) -> Lead:
        """Put `lead` on the list, or bring the one of its address up to date; the lead as it is then.

        Fields that were not set when `lead` was made keep what is stored.
        """
        fields = lead.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        identity = fields.pop(_IDENTITY)
        first = {name: fields.pop(name) for name in _OF_THE_FIRST}
        change = {"$set": fields, "$setOnInsert": first}
        try:
            await self._collection.update_one({"_id": identity}, change, upsert=True)
        except DuplicateKeyError:  # another put the same address on the list at this moment
            await self._collection.update_one({"_id": identity}, change)
        stored = await self.by_email(identity)
        return lead if stored is None else stored

    async def by_email(self, email: str) -> Lead | None:
        """The lead of a normalised address."""
        document = await self._collection.find_one({"_id": email})
        return None if document is None else noun_of(Lead, _IDENTITY, document)

    async def count(self) -> int:
        """How many are on the list."""
        return await self._collection.count_documents({})
