"""Users, one document a person. An e-mail address belongs to one user at most."""

import re
from collections.abc import Iterable
from typing import Final

from storage.models.people import User, UserStatus
from storage.models.read_models import Cursor
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.paging import newest_first
from storage.mongo.people import PeopleDocuments

COLLECTION: Final = "users"
_SEARCHED: Final = ("email", "display_name", "company_name")


@repository
class Users:
    """The people of tenants."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._people = PeopleDocuments(self._collection, User, "user_id")

    async def insert(self, user: User) -> None:
        """Add one. Raises `AlreadyStored` when the id or the address is there."""
        await self._people.insert(user)

    async def get(self, user_id: str) -> User | None:
        """The user of that id."""
        return await self._people.first({"_id": user_id})

    async def by_email(self, email: str) -> User | None:
        """The user of that address, which must be normalised."""
        return await self._people.first({"email": email})

    async def get_many(self, user_ids: Iterable[str]) -> dict[str, User]:
        """Those that exist, by id, in one query."""
        return await self._people.get_many(user_ids)

    async def replace(self, user: User) -> bool:
        """Store `user`, whose `version` is one above what was read. False, and nothing changed, when another was faster."""
        return await self._people.replace(user)

    async def page(
        self, status: UserStatus | None, keyword: str | None, after: Cursor | None, limit: int
    ) -> list[User]:
        """At most `limit` users, newest first, behind `after`. `keyword`: any part of address, name or company, in any case."""
        condition: Document = {} if status is None else {"status": status}
        if keyword:
            part = {"$regex": re.escape(keyword), "$options": "i"}
            condition["$and"] = [{"$or": [{field: part} for field in _SEARCHED]}]
        found = await newest_first(self._collection, condition, after, limit, at="created_at", identity="_id")
        return [self._people.noun(document) for document in found]


def cursor_of(user: User) -> Cursor:
    """The cursor of a page of users that ends with `user`."""
    return Cursor(user.created_at, user.user_id)
