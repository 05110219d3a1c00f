"""Positions, one document an account and symbol: written by the projection, read by `GET /v1/positions`."""

from collections.abc import Sequence
from typing import Final

import msgspec

from storage.models.positions import Position
from storage.mongo.documents import Database
from storage.mongo.failures import repository
from storage.mongo.guarded import GuardedWrite, writer

COLLECTION: Final = "positions"


@repository
class Positions:
    """An account's positions. `_id` is `account|symbol`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._writer = writer(self._collection, "seq")

    async def of(self, account_id: str) -> list[Position]:
        """Every position that the account ever had, flat ones too (`net_qty` "0"), by symbol."""
        cursor = self._collection.find({"account_id": account_id}).sort("symbol", 1)
        return [msgspec.convert(document, Position) async for document in cursor]

    async def write(self, positions: Sequence[Position]) -> None:
        """Write those whose `seq` is above the stored one."""
        await self._writer.write(
            [GuardedWrite(f"{one.account_id}|{one.symbol}", msgspec.to_builtins(one)) for one in positions]
        )

    async def delete_all(self) -> int:
        """Forget every position; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count
