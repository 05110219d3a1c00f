"""Snapshots of accounts out of the read models that the projection writes."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from gateway.live.order_snapshots import AccountSnapshot
from storage.models.orders import Order
from storage.models.ownership import Anchor
from storage.models.positions import Position
from storage.models.read_models import OpenedAccount


class StoredAccounts(Protocol):
    """`storage.mongo.accounts.Accounts`."""

    async def get(self, account_id: str) -> OpenedAccount | None: ...


class StoredOrders(Protocol):
    """`storage.mongo.orders.Orders`."""

    async def open_of(self, account_id: str) -> Sequence[Order]: ...


class StoredPositions(Protocol):
    """`storage.mongo.positions.Positions`."""

    async def of(self, account_id: str) -> Sequence[Position]: ...


class Anchors(Protocol):
    """`storage.mongo.ownership.ReaderAnchors` of the projection on `order-events`."""

    async def get(self, partition: int) -> Anchor: ...


class StoredSnapshots:
    """See `order_snapshots.AccountSnapshots`."""

    def __init__(
        self, accounts: StoredAccounts, orders: StoredOrders, positions: StoredPositions, progress: Anchors
    ) -> None:
        self._accounts, self._orders, self._positions, self._progress = accounts, orders, positions, progress

    async def progress(self, partition: int) -> int:
        """See `AccountSnapshots`."""
        return (await self._progress.get(partition)).upto

    async def of(self, account_id: str) -> AccountSnapshot | None:
        """See `AccountSnapshots`. The account is written last of a flush and read first here."""
        stored = await self._accounts.get(account_id)
        if stored is None:
            return None
        orders, positions = await asyncio.gather(self._orders.open_of(account_id), self._positions.of(account_id))
        held = [position for position in positions if position.net_qty != "0"]
        return AccountSnapshot(account_id, stored.as_of_seq, orders, held, stored.account)
