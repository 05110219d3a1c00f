"""Order requests by idempotency key: inserted before their commands are published, never updated, dropped after 24 h."""

from typing import Final

import msgspec
from pymongo import WriteConcern

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.order_requests import KEPT_SECONDS, OrderRequest
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.grouped_inserts import GroupedInserts

COLLECTION: Final = "order_requests"
_KEPT_NS: Final = KEPT_SECONDS * NANOSECONDS_PER_SECOND


@repository
class OrderRequests:
    """One document a key; the first one that is inserted wins. `_id` is the request's identity."""

    def __init__(self, database: Database) -> None:
        # A document that a fail-over undoes would let a repeat place a second order.
        self._collection = database.get_collection(COLLECTION, write_concern=WriteConcern(w="majority"))
        self._inserts = GroupedInserts(self._collection)

    async def claim(self, request: OrderRequest) -> OrderRequest:
        """Keep `request` unless one with its identity is kept already; the one that is kept (compare with `is`). One that is
        older than a day is not: its key is free, whether the sweep has come or not.
        """
        fields = msgspec.structs.asdict(request)
        document = {"_id": fields.pop("identity"), **fields}
        document |= {"command_ids": list(request.command_ids), "order_ids": list(request.order_ids)}
        while True:
            if await self._inserts.insert(document):
                return request
            kept = await self.get(request.identity)
            if kept is not None and request.issued_at - kept.issued_at < _KEPT_NS:
                return kept
            if kept is not None:
                await self._collection.delete_one({"_id": kept.identity, "issued_at": kept.issued_at})

    async def get(self, identity: str) -> OrderRequest | None:
        """The request that is kept under an identity."""
        document = await self._collection.find_one({"_id": identity})
        return None if document is None else _request(document)

    async def drop_before(self, issued_at: int) -> int:
        """Forget the requests that were issued before a time (ns); how many."""
        return (await self._collection.delete_many({"issued_at": {"$lt": issued_at}})).deleted_count


def _request(document: Document) -> OrderRequest:
    return msgspec.convert({**document, "identity": document["_id"]}, OrderRequest)
