"""What the repositories of users and of admins do alike: one document a person, one person an e-mail address."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from pymongo.errors import DuplicateKeyError

from storage.models.people import Admin, User
from storage.mongo.documents import Collection, Document, document_of, noun_of
from storage.mongo.failures import AlreadyStored

Someone = TypeVar("Someone", User, Admin)


class PeopleDocuments(Generic[Someone]):
    """People of one kind. `identity` is the field that is the document's `_id`; `email` is unique (indexes.py)."""

    def __init__(self, collection: Collection, kind: type[Someone], identity: str) -> None:
        self._collection, self._identity = collection, identity
        self._kind: type[Someone] = kind

    async def insert(self, person: Someone) -> None:
        """Add one. Raises `AlreadyStored`, naming the id and not the address."""
        document = document_of(person, self._identity)
        try:
            await self._collection.insert_one(document)
        except DuplicateKeyError as error:
            raise AlreadyStored(self._collection.name, document["_id"]) from error

    async def first(self, condition: Document) -> Someone | None:
        """One that fits."""
        document = await self._collection.find_one(condition)
        return None if document is None else self.noun(document)

    async def get_many(self, identities: Iterable[str]) -> dict[str, Someone]:
        """Those that exist, by id, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(identities)}})
        return {document["_id"]: self.noun(document) async for document in cursor}

    async def replace(self, person: Someone) -> bool:
        """Whether `person` took the place of its version before."""
        document = document_of(person, self._identity)
        condition = {"_id": document["_id"], "version": person.version - 1}
        return (await self._collection.replace_one(condition, document)).matched_count == 1

    def noun(self, document: dict[str, Any]) -> Someone:
        """The person of a document."""
        return noun_of(self._kind, self._identity, document)
