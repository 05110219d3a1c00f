"""Accounts, one document each: written last of a flush of the projection, read first by everything that shows `as_of_seq`."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from storage.models.read_models import AccountDocument, OpenedAccount
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.guarded import GuardedWrite, writer

COLLECTION: Final = "accounts"
_GUARD: Final = "as_of_seq"


@repository
class Accounts:
    """Accounts by id. Whatever is read after a document is at or past its `as_of_seq`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._writer = writer(self._collection, _GUARD)

    async def get(self, account_id: str) -> OpenedAccount | None:
        """The account; None until it is opened."""
        document = await self._collection.find_one({"_id": account_id})
        return None if document is None or not _is_open(document) else msgspec.convert(document, OpenedAccount)

    async def as_of(self, account_id: str) -> int:
        """The seq of the last record that the read models have of an account, also of one that is not opened (0: none)."""
        document = await self._collection.find_one({"_id": account_id}, {_GUARD: 1})
        return 0 if document is None else int(document[_GUARD])

    async def all(self) -> list[OpenedAccount]:
        """Every account that is opened, by id."""
        cursor = self._collection.find({}).sort("_id", 1)
        return [msgspec.convert(document, OpenedAccount) async for document in cursor if _is_open(document)]

    async def get_many(self, account_ids: Iterable[str]) -> dict[str, AccountDocument]:
        """The documents that are there, opened or not, by id, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(account_ids)}})
        return {document["_id"]: msgspec.convert(document, AccountDocument) async for document in cursor}

    async def write(self, accounts: Sequence[AccountDocument]) -> None:
        """Write those whose `as_of_seq` is above the stored one."""
        await self._writer.write([GuardedWrite(one.account_id, msgspec.to_builtins(one)) for one in accounts])

    async def delete_all(self) -> int:
        """Forget every account; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count


def _is_open(document: Document) -> bool:
    return document["account"] is not None and document["limits"] is not None
