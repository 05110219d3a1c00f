"""Tenants, one document a company."""

from collections.abc import Iterable
from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.tenants import Tenant
from storage.mongo.documents import Database, document_of, noun_of
from storage.mongo.failures import AlreadyStored, repository

COLLECTION: Final = "tenants"


@repository
class Tenants:
    """The customer companies."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, tenant: Tenant) -> None:
        """Add one. Raises `AlreadyStored`."""
        try:
            await self._collection.insert_one(document_of(tenant, "tenant_id"))
        except DuplicateKeyError as error:
            raise AlreadyStored(COLLECTION, tenant.tenant_id) from error

    async def get_many(self, tenant_ids: Iterable[str]) -> dict[str, Tenant]:
        """Those that exist, by id, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(tenant_ids)}})
        return {document["_id"]: noun_of(Tenant, "tenant_id", document) async for document in cursor}

    async def set_accounts(self, tenant: Tenant, account_ids: tuple[str, ...], fence: int) -> bool:
        """Whether the accounts of `tenant`, as it was read, are these now. False, and nothing changed: they have changed
        since, or a later claim than `fence` has set them.
        """
        condition = {
            "_id": tenant.tenant_id,
            "account_ids": list(tenant.account_ids),
            "$or": [{"fence": {"$exists": False}}, {"fence": {"$lte": fence}}],
        }
        change = {"$set": {"account_ids": list(account_ids), "fence": fence}}
        return (await self._collection.update_one(condition, change)).matched_count == 1
