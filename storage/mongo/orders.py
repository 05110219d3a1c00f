"""Orders, one document each: written by the projection, read by `GET /v1/orders` and the snapshot of `orders.*`."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ops.runtime.timestamps import parse_timestamp
from storage.models.orders import Order
from storage.models.read_models import Cursor, OrderFilters, OrdersOfAll
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.guarded import GuardedWrite, writer
from storage.mongo.inserting import insert_missing
from storage.mongo.paging import FirstPages, between, newest_first

COLLECTION: Final = "orders"
_CREATED: Final = "created_ns"
_OPEN: Final = ("new", "partially_filled")
_NEWEST: Final = [(_CREATED, -1), ("order_id", -1)]


@repository
class Orders:
    """An account's orders. `_id` is `account|order`, so that no account ever meets another's; `created_ns` is there for
    sorting, every other field is the order's own.
    """

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._writer = writer(self._collection, "seq")
        self._first_pages = FirstPages(self._collection, at=_CREATED, identity="order_id")

    async def get(self, account_id: str, order_id: str) -> Order | None:
        """The order, if the account has it."""
        document = await self._collection.find_one({"_id": _identity(account_id, order_id)})
        return None if document is None else _order(document)

    async def get_many(self, account_id: str, order_ids: Iterable[str]) -> dict[str, Order]:
        """Those that the account has, by id, in one query."""
        wanted = [_identity(account_id, order_id) for order_id in order_ids]
        cursor = self._collection.find({"_id": {"$in": wanted}})
        return {document["order_id"]: _order(document) async for document in cursor}

    async def by_client_id(self, account_id: str, client_order_id: str) -> Order | None:
        """The newest order with that client id which was not denied; if all were, the newest of them."""
        condition = {"account_id": account_id, "client_order_id": client_order_id}
        lived = {**condition, "state": {"$ne": "denied"}}
        found = await self._collection.find_one(lived, sort=_NEWEST)
        if found is None:
            found = await self._collection.find_one(condition, sort=_NEWEST)
        return None if found is None else _order(found)

    async def open_of(self, account_id: str) -> list[Order]:
        """The account's open orders (unknown ones are), oldest first."""
        cursor = self._collection.find({"account_id": account_id, "status": {"$in": list(_OPEN)}})
        return [_order(document) async for document in cursor.sort([(_CREATED, 1), ("order_id", 1)])]

    async def page(self, account_id: str, filters: OrderFilters, after: Cursor | None, limit: int) -> list[Order]:
        """At most `limit` (1 or more) orders that fit, newest first, behind `after`; `cursor_of` the last is the next."""
        condition: Document = {"account_id": account_id}
        for name in ("symbol", "venue", "strategy_id", "side"):
            if (wanted := getattr(filters, name)) is not None:
                condition[name] = wanted
        passing = _passing(filters)
        if after is None and not passing:
            return [_order(document) for document in await self._first_pages.newest(condition, limit)]
        found = await newest_first(
            self._collection, {**condition, **passing}, after, limit, at=_CREATED, identity="order_id"
        )
        return [_order(document) for document in found]

    async def page_of_all(self, filters: OrdersOfAll, after: Cursor | None, limit: int) -> list[Order]:
        """As `page`, of whatever accounts."""
        condition: Document = {}
        if filters.account_ids is not None:
            condition["account_id"] = {"$in": list(filters.account_ids)}
        for name in ("status", "symbol"):
            if (wanted := getattr(filters, name)) is not None:
                condition[name] = wanted
        if times := between(filters.start, filters.end):
            condition[_CREATED] = times
        found = await newest_first(self._collection, condition, after, limit, at=_CREATED, identity="order_id")
        return [_order(document) for document in found]

    async def write(self, orders: Sequence[Order]) -> None:
        """Write those whose `seq` is above the stored one."""
        await self._writer.write([GuardedWrite(_identity_of(order), _fields(order)) for order in orders])

    async def insert_denied(self, orders: Sequence[Order]) -> None:
        """Insert those that are not there: a denied order never replaces one, whatever the `seq`."""
        await insert_missing(self._collection, [{"_id": _identity_of(order), **_fields(order)} for order in orders])

    async def delete_all(self) -> int:
        """Forget every order; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count


def cursor_of(order: Order) -> Cursor:
    """The cursor of a page of orders that ends with `order`."""
    return Cursor(parse_timestamp(order.created_at), order.order_id)


def _passing(filters: OrderFilters) -> Document:
    """The conditions that an order may come to fit or cease to, or that are about its time."""
    condition: Document = {} if filters.statuses is None else {"status": {"$in": list(filters.statuses)}}
    if times := between(filters.start, filters.end):
        condition[_CREATED] = times
    return condition


def _identity(account_id: str, order_id: str) -> str:
    return f"{account_id}|{order_id}"


def _identity_of(order: Order) -> str:
    return _identity(order.account_id, order.order_id)


def _fields(order: Order) -> Document:
    fields: Document = msgspec.to_builtins(order)
    fields[_CREATED] = parse_timestamp(order.created_at)
    return fields


def _order(document: Document) -> Order:
    return msgspec.convert(document, Order)
