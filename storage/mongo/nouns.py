"""What every whole set of reference nouns needs: be replaced as a set, be read as a set."""

from collections.abc import Iterable
from typing import Generic

from storage.mongo.documents import Collection, Noun, document_of, noun_of


class NounSet(Generic[Noun]):
    """The documents of one collection as a set of nouns keyed by their field `identity`."""

    def __init__(self, collection: Collection, kind: type[Noun], identity: str) -> None:
        self._collection, self._kind, self._identity = collection, kind, identity

    async def put(self, nouns: Iterable[Noun]) -> None:
        """Add them, or replace those that are there under the same key."""
        for noun in nouns:
            document = document_of(noun, self._identity)
            await self._collection.replace_one({"_id": document["_id"]}, document, upsert=True)

    async def keep_only(self, keys: Iterable[str]) -> None:
        """Remove all others."""
        await self._collection.delete_many({"_id": {"$nin": list(keys)}})

    async def all(self) -> list[Noun]:
        """All of them by key."""
        cursor = self._collection.find({}).sort("_id", 1)
        return [noun_of(self._kind, self._identity, document) async for document in cursor]
