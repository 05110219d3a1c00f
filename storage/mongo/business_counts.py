"""How much business there is: counts over the collections of others, each along an index of theirs."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple, get_args

from storage.models.alerts import SEVERITIES
from storage.models.applications import APPLICATION_STATUSES
from storage.models.money import from_parts
from storage.models.orders import OrderStatus
from storage.models.people import UserStatus
from storage.mongo import alerts, applications, fills, leads, orders, users
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository

Counts = dict[str, int]
_EARLIEST: Final = -(1 << 63)
_STANDING: Final = ("open", "acknowledged")


class Traded(NamedTuple):
    """`fills` and their notional in one currency."""

    currency: str
    fills: int
    notional: Decimal


@repository
class BusinessCounts:
    """Counts what is there at the moment of asking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self) -> Counts:
        """By status."""
        return await self._by(users.COLLECTION, "status", get_args(UserStatus))

    async def applications(self) -> Counts:
        """By status."""
        return await self._by(applications.COLLECTION, "status", APPLICATION_STATUSES)

    async def orders(self) -> Counts:
        """By the contract's status; denied ones count as rejected, as they are listed."""
        return await self._by(orders.COLLECTION, "status", get_args(OrderStatus))

    async def orders_since(self, moment: int) -> int:
        """Created at `moment` (ns) or later."""
        return await self._count(orders.COLLECTION, {"created_ns": {"$gte": moment}})

    async def traded(self, since: int = _EARLIEST) -> list[Traded]:
        """What was filled at `since` (ns, the venue's time) or later, by currency."""
        total = {
            "_id": "$currency",
            "fills": {"$sum": 1},
            "units": {"$sum": "$units"},
            "parts": {"$sum": "$parts"},
        }
        cursor = self._database[fills.COLLECTION].aggregate([{"$match": {"ts_ns": {"$gte": since}}}, {"$group": total}])
        found = [
            Traded(one["_id"] or "", one["fills"], from_parts(int(one["units"]), int(one["parts"])))
            async for one in cursor
        ]
        return sorted(found)

    async def standing_alerts(self) -> Counts:
        """Alerts that are not resolved, by severity."""
        numbers = await asyncio.gather(
            *(
                self._count(alerts.COLLECTION, {"state": {"$in": list(_STANDING)}, "severity": severity})
                for severity in SEVERITIES
            )
        )
        return dict(zip(SEVERITIES, numbers, strict=True))

    async def waitlist(self) -> int:
        """Leads."""
        return await self._count(leads.COLLECTION, {})

    async def _by(self, collection: str, field: str, values: Iterable[str]) -> Counts:
        wanted = list(values)
        numbers = await asyncio.gather(*(self._count(collection, {field: value}) for value in wanted))
        return dict(zip(wanted, numbers, strict=True))

    async def _count(self, collection: str, condition: Document) -> int:
        return int(await self._database[collection].count_documents(condition))
