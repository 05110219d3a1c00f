"""Invitations, one document each; the mail with the token is a part of it."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.invitations import Invitation
from storage.mongo.documents import Database, document_of, noun_of
from storage.mongo.failures import AlreadyStored, repository

COLLECTION: Final = "invitations"
_IDENTITY: Final = "invitation_id"


@repository
class Invitations:
    """Who was invited to which tenant. Times are nanoseconds since the epoch."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, invitation: Invitation) -> None:
        """Add one. Raises `AlreadyStored`."""
        try:
            await self._collection.insert_one(document_of(invitation, _IDENTITY))
        except DuplicateKeyError as error:
            raise AlreadyStored(COLLECTION, invitation.invitation_id) from error

    async def get(self, invitation_id: str) -> Invitation | None:
        """The invitation of that id, in whatever state."""
        document = await self._collection.find_one({"_id": invitation_id})
        return None if document is None else noun_of(Invitation, _IDENTITY, document)

    async def of_tenant(self, tenant_id: str) -> list[Invitation]:
        """All of a tenant, newest first."""
        cursor = self._collection.find({"tenant_id": tenant_id}).sort([("created_at", -1), ("_id", 1)])
        return [noun_of(Invitation, _IDENTITY, document) async for document in cursor]

    async def pending(self, tenant_id: str, email: str, now: int) -> Invitation | None:
        """One of the tenant to a normalised address that can still be accepted."""
        condition = {"tenant_id": tenant_id, "email": email, "ended_at": None, "expires_at": {"$gt": now}}
        document = await self._collection.find_one(condition)
        return None if document is None else noun_of(Invitation, _IDENTITY, document)

    async def accept(self, invitation_id: str, user_id: str, now: int) -> bool:
        """Whether this call marked it as accepted by that user: False for one that was accepted before."""
        condition = {"_id": invitation_id, "ended_at": None}
        change = {"$set": {"ended_at": now, "accepted_by": user_id}}
        return (await self._collection.update_one(condition, change)).modified_count == 1
