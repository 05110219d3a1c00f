"""An amend of an order that the core does not have: what the read models are asked, and when."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.callers import Caller
from gateway.http.calls import SignedCall
from gateway.trading.amend import Amending
from gateway.trading.deciding import KnownAnswer
from gateway.trading.requests import Begun
from ops.runtime.errors import HubError
from storage.models.order_events import FirstAnswer
from storage.models.order_requests import OrderRequest
from storage.models.orders import Order
from storage.mongo.failures import StoreUnavailable
from tests.unit.orders.trading_floor import Desk

REFUSED = FirstAnswer(7, "2024-03-12T15:00:01Z", "AmendRejected", "order.not_found", {"order_id": "ord_1"})


class Book:
    async def begin(self, call: SignedCall, account_id: str, items: Sequence[bool], *, makes_orders: bool) -> Begun:
        request = OrderRequest("key", "", ("cmd_1",), (), 1, 2, "trace", "en-US")
        return Begun(account_id, request, repeated=False)


class NoWatch:
    def __enter__(self) -> "NoWatch":
        return self

    def __exit__(self, *_: object) -> None: ...


class Core:
    """Has no such order; the read models follow when `reached` is set."""

    def __init__(self) -> None:
        self.has_reached = asyncio.Event()
        self.asked: list[int] = []

    def watch(self, account_id: str) -> NoWatch:
        return NoWatch()

    async def decide(self, begun: Begun, commands: Sequence[Any], watch: object) -> dict[str, KnownAnswer]:
        return {"cmd_1": KnownAnswer(REFUSED, 7, remembered=False)}

    async def reached(self, account_id: str, seq: int) -> None:
        self.asked.append(seq)
        await self.has_reached.wait()


class Orders:
    def __init__(self, *orders: Order, fails: bool = False) -> None:
        self._orders, self._fails = {order.order_id: order for order in orders}, fails

    async def get_many(self, account_id: str, order_ids: Iterable[str]) -> dict[str, Order]:
        if self._fails:
            raise StoreUnavailable("away")
        return {order_id: self._orders[order_id] for order_id in order_ids if order_id in self._orders}

    async def open_of(self, account_id: str) -> list[Order]:
        return []


DENIED = Desk().place(quantity="0.0001").orders[0]
BEFORE = replace(DENIED, order_id="ord_1", created_at="2024-03-12T15:00:00Z")
SINCE = replace(BEFORE, created_at="2024-03-12T15:00:02Z")


async def amend(orders: Orders, core: Core) -> str:
    """The code that the amend is refused with."""
    caller = Caller("key", "ten_1", "acc_1", frozenset(), "en-US")
    body = {"price": "99"}
    call = SignedCall(
        {}, 1, "en-US", caller, "PATCH", "/v1/orders/ord_1", {"order_id": "ord_1"}, json.dumps(body).encode(), "key", {}, "t"
    )  # fmt: skip
    amending: Any = Amending(Book(), core, None, orders)  # type: ignore[arg-type]
    with pytest.raises(HubError) as refused:
        await amending.one(call, body)
    return refused.value.code


async def test_the_read_models_are_asked_once_they_have_the_answer() -> None:
    core = Core()
    answering = asyncio.create_task(amend(Orders(BEFORE), core))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert core.asked == [7]
    assert not answering.done()
    core.has_reached.set()
    assert await answering == "order.already_final"


@pytest.mark.parametrize("orders", [Orders(), Orders(SINCE)], ids=["never there", "there since"])
async def test_an_order_that_was_not_there_is_not_found(orders: Orders) -> None:
    core = Core()
    core.has_reached.set()
    assert await amend(orders, core) == "order.not_found"


async def test_read_models_that_cannot_be_asked_leave_the_answer_open() -> None:
    core = Core()
    core.has_reached.set()
    assert await amend(Orders(BEFORE, fails=True), core) == "order.outcome_unknown"
