"""Admins, one document a person. An e-mail address belongs to one admin at most."""

from collections.abc import Iterable
from typing import Final

from storage.models.people import Admin, AdminStatus
from storage.models.read_models import Cursor
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.paging import newest_first
from storage.mongo.people import PeopleDocuments

COLLECTION: Final = "admins"


@repository
class Admins:
    """The people of the platform."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._people = PeopleDocuments(self._collection, Admin, "admin_id")

    async def insert(self, admin: Admin) -> None:
        """Add one. Raises `AlreadyStored` when the id or the address is there."""
        await self._people.insert(admin)

    async def get(self, admin_id: str) -> Admin | None:
        """The admin of that id."""
        return await self._people.first({"_id": admin_id})

    async def by_email(self, email: str) -> Admin | None:
        """The admin of that address, which must be normalised."""
        return await self._people.first({"email": email})

    async def get_many(self, admin_ids: Iterable[str]) -> dict[str, Admin]:
        """Those that exist, by id, in one query."""
        return await self._people.get_many(admin_ids)

    async def replace(self, admin: Admin) -> bool:
        """Store `admin`, whose `version` is one above what was read. False, and nothing changed, when another was faster."""
        return await self._people.replace(admin)

    async def all(self) -> list[Admin]:
        """Every admin, oldest first."""
        cursor = self._collection.find({}).sort([("created_at", 1), ("_id", 1)])
        return [self._people.noun(document) async for document in cursor]

    async def page(self, status: AdminStatus | None, after: Cursor | None, limit: int) -> list[Admin]:
        """At most `limit` admins, newest first, behind `after`."""
        condition: Document = {} if status is None else {"status": status}
        found = await newest_first(self._collection, condition, after, limit, at="created_at", identity="_id")
        return [self._people.noun(document) for document in found]


def cursor_of(admin: Admin) -> Cursor:
    """The cursor of a page of admins that ends with `admin`."""
    return Cursor(admin.created_at, admin.admin_id)
