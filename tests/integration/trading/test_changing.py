"""Orders over REST before a real core and venue: batches, amends, cancels, the dead-man switch, the trading state."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from gateway.trading.cancel import SETTLE_SECONDS
from gateway.trading.parts import TradingParts
from storage.models.order_requests import OrderRequest, hash_of, identity_of
from storage.models.orders import Order
from storage.mongo.accounts import Accounts
from storage.mongo.failures import StoreUnavailable
from storage.mongo.order_requests import OrderRequests
from tests.integration.orders.trading_place import ACCOUNT, SECOND, TENANT, TradingPlace, until
from tests.integration.trading.trading_desk import Answered, TradingGateway, gateways, order, projecting, street


async def reached(place: TradingPlace, seq: int) -> None:
    """The read models have the record."""
    accounts = Accounts(place.store.database)

    async def look() -> bool:
        return await accounts.as_of(ACCOUNT) >= seq

    await until(look)


def as_served(parts: TradingParts) -> TradingParts:
    """A cancel waits for its venues as long as it does in the product."""
    return replace(parts, settle_seconds=SETTLE_SECONDS)


async def cancel(gateway: TradingGateway, key: str, **selector: Any) -> Answered:
    return await gateway.send("POST", "/v1/orders/cancel", selector, key)


async def test_a_batch_decides_each_item_alone_and_in_order(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        items = [
            order(client_order_id="one"),
            order(quantity="9000000"),
            {"symbol": "X"},
            order(symbol="NO.SUCH"),
            "not an order",
            order(client_order_id="one"),
        ]
        first = await gateway.send("POST", "/v1/orders/batch", {"orders": items}, "batch-key")
        results = first.data["results"]
        assert [one["index"] for one in results] == list(range(6))
        assert [one["ok"] for one in results] == [True, False, False, False, False, True]
        codes = ["order.max_quantity", "request.invalid", "market.unknown_symbol", "request.invalid"]
        assert [one["error_code"] for one in results[1:5]] == codes
        assert results[1]["details"]["order_id"] == results[1]["order_id"]
        assert results[0]["order_id"] == results[5]["order_id"]
        assert results[5]["order"]["duplicate"]
        again = await gateway.send("POST", "/v1/orders/batch", {"orders": items}, "batch-key")
        assert (again.body, again.replayed, again.seq) == (first.body, True, first.seq)


@pytest.mark.parametrize("body", [{}, {"orders": []}, {"orders": 51 * [{}]}, {"orders": {}}, {"orders": [{}], "x": 1}])
async def test_a_malformed_batch_is_refused_whole(place: TradingPlace, body: Any) -> None:
    async with street(place) as [gateway]:
        answer = await gateway.send("POST", "/v1/orders/batch", body, "batch-key")
        assert (answer.status, answer.error["code"]) == (422, "request.invalid")


async def test_an_amend_answers_when_the_order_has_its_new_terms(place: TradingPlace) -> None:
    async with street(place, 2) as made:
        order_id = (await made[0].place("to-amend")).data["order_id"]
        path, body = f"/v1/orders/{order_id}", {"price": "51000", "quantity": "0.2"}
        first = await made[0].send("PATCH", path, body, "amend-key")
        assert (first.data["price"], first.data["quantity"], first.data["pending"]) == ("51000", "0.2", None)
        await reached(place, first.seq)
        second = await made[0].send("PATCH", path, {"quantity": "0.15"}, "amend-key-2")
        assert second.data["quantity"] == "0.15"
        again = await made[1].send("PATCH", path, body, "amend-key")
        assert (again.body, again.replayed) == (first.body, True)


async def test_an_amend_that_is_refused_says_why(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        order_id = (await gateway.place("to-amend")).data["order_id"]
        refused = await gateway.send("PATCH", f"/v1/orders/{order_id}", {"price": "0.001"}, "amend-tick")
        assert (refused.status, refused.error["code"]) == (409, "order.tick_size")
        assert refused.error["details"]["order_id"] == order_id
        nobody = await gateway.send("PATCH", "/v1/orders/ord_none", {"price": "1"}, "amend-none")
        assert (nobody.status, nobody.error["code"]) == (404, "order.not_found")
        again = await gateway.send("PATCH", "/v1/orders/ord_none", {"price": "1"}, "amend-none")
        assert (again.body, again.replayed) == (nobody.body, True)
        empty = await gateway.send("PATCH", f"/v1/orders/{order_id}", {}, "amend-empty")
        assert (empty.status, empty.error["code"]) == (422, "request.invalid")


async def test_several_selectors_narrow_a_cancel(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        ids = [(await gateway.place(f"place-number-{n}", strategy_id=f"s{n % 2}")).data["order_id"] for n in range(4)]
        wanted = [ids[0], ids[1], "ord_none"]
        first = await cancel(gateway, "cancel-key", order_ids=wanted, strategy_id="s1")
        assert first.data["canceled"] == [ids[1]]
        assert first.data["pending"] == []
        assert first.data["failed"] == [
            {"order_id": "ord_none", "error_code": "order.not_found"},
            {"order_id": ids[0], "error_code": "order.not_selected"},
        ]
        await reached(place, first.seq)
        again = await cancel(gateway, "cancel-key", order_ids=wanted, strategy_id="s1")
        assert (again.data, again.replayed) == (first.data, True)
        final = await cancel(gateway, "cancel-again", order_ids=[ids[1]])
        assert final.data["failed"] == [{"order_id": ids[1], "error_code": "order.already_final"}]
        rest = await gateway.send("POST", "/v1/orders/cancel-all", {}, "cancel-all")
        assert sorted(rest.data["canceled"]) == sorted([ids[0], *ids[2:]])


@pytest.mark.parametrize("body", [{}, {"order_ids": []}, {"symbol": None, "strategy_id": None}])
async def test_nothing_selected_is_never_everything(place: TradingPlace, body: Any) -> None:
    async with street(place) as [gateway]:
        answer = await gateway.send("POST", "/v1/orders/cancel", body, "cancel-key")
        assert (answer.status, answer.error["code"]) == (422, "cancel.empty_selector")


async def test_ids_that_another_selector_leaves_out_are_said_to_have_failed(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        ids = [(await gateway.place(f"place-number-{n}", strategy_id=f"s{n}")).data["order_id"] for n in range(3)]
        first = await cancel(gateway, "cancel-key", order_ids=[*ids, "ord_none"], strategy_id="s1")
        assert first.data["canceled"] == [ids[1]]
        assert {one["order_id"]: one["error_code"] for one in first.data["failed"]} == {
            ids[0]: "order.not_selected",
            ids[2]: "order.not_selected",
            "ord_none": "order.not_found",
        }
        again = await cancel(gateway, "cancel-key", order_ids=[*ids, "ord_none"], strategy_id="s1")
        assert again.body == first.body
        other = await cancel(gateway, "cancel-other", order_ids=ids[:1], symbol="ETHUSDT.BINANCE")
        assert other.data == {
            "canceled": [],
            "pending": [],
            "failed": [{"order_id": ids[0], "error_code": "order.not_selected"}],
        }


@pytest.mark.parametrize("path", ["/v1/orders/cancel", "/v1/orders/cancel-all"])
async def test_a_cancel_of_an_unknown_symbol_is_refused_before_anything_is_published(
    place: TradingPlace, path: str
) -> None:
    async with street(place) as [gateway]:
        kept = (await gateway.place("place-to-stay")).data["order_id"]
        answer = await gateway.send("POST", path, {"symbol": "NOPE"}, "cancel-nope")
        assert (answer.status, answer.error["code"]) == (404, "market.unknown_symbol")
        assert answer.error["details"] == {"symbols": ["NOPE"]}
        assert "X-Account-Seq" not in answer.headers
        assert await OrderRequests(place.store.database).get(identity_of(TENANT, "POST", path, "cancel-nope")) is None
        rest = await gateway.send("POST", "/v1/orders/cancel-all", {}, "cancel-rest")
        assert rest.data["canceled"] == [kept]


async def test_what_the_venue_has_not_confirmed_is_pending_and_later_shown_as_it_is(place: TradingPlace) -> None:
    async with place.core(), projecting(place):
        await place.open_account()
        await place.records(2)
        async with gateways(place, 1, as_served) as [gateway]:
            order_id = (await gateway.place("no-venue")).data["order_id"]
            loop = asyncio.get_running_loop()
            began = loop.time()
            first = await cancel(gateway, "cancel-key", order_ids=[order_id])
            assert first.data == {"canceled": [], "pending": [order_id], "failed": []}
            assert SETTLE_SECONDS == 0.5
            assert 0.4 < loop.time() - began < 2
            amended = await gateway.send("PATCH", f"/v1/orders/{order_id}", {"price": "51000"}, "amend-key")
            assert (amended.status, amended.error["code"]) == (409, "order.cancel_pending")


class NoOrders:
    """Orders of a store that is away."""

    async def get_many(self, account_id: str, order_ids: Iterable[str]) -> dict[str, Order]:
        raise StoreUnavailable("the store is away")

    async def open_of(self, account_id: str) -> list[Order]:
        raise StoreUnavailable("the store is away")


async def test_whether_there_was_an_order_is_unknown_while_the_store_is_away(place: TradingPlace) -> None:
    """It may have ended so long ago that the core has forgotten it: not found is for the read models to say."""
    away: Any = NoOrders()
    async with street(place) as [gateway], gateways(place, 1, lambda parts: replace(parts, orders=away)) as [blind]:
        unknown = await cancel(blind, "cancel-key-1", order_ids=["ord_long_ago"])
        assert (unknown.status, unknown.error["code"]) == (503, "order.outcome_unknown")
        told = await cancel(gateway, "cancel-key-1", order_ids=["ord_long_ago"])
        assert told.status == 200
        assert "order.not_found" in json.dumps(told.data)


async def test_an_amend_that_the_venue_does_not_answer_is_unknown(place: TradingPlace) -> None:
    async with place.core(), projecting(place):
        await place.open_account()
        await place.records(2)
        async with gateways(place) as [gateway]:
            order_id = (await gateway.place("no-venue")).data["order_id"]
            lost = await gateway.send("PATCH", f"/v1/orders/{order_id}", {"price": "51000"}, "amend-key")
            assert (lost.status, lost.error["code"]) == (503, "order.outcome_unknown")
            assert lost.error["details"] == {"order_id": order_id}


async def test_the_switch_and_the_trading_state(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        path, body = "/v1/orders/cancel-all-after", {"timeout_ms": 60_000, "spare_reduce_only": True}
        armed = await gateway.send("POST", path, body, "arm-key-1")
        assert armed.data["armed"]
        assert armed.data["deadline"].endswith("Z")
        assert (await gateway.send("POST", path, body, "arm-key-1")).body == armed.body
        off = await gateway.send("POST", path, {"timeout_ms": 0}, "arm-key-2")
        assert off.data == {"deadline": None, "armed": False}
        halted = await gateway.send("PUT", "/v1/accounts/trading-state", {"state": "halted"}, "halt-key")
        assert (halted.data["state"], halted.data["set_by"]) == ("halted", "account")
        denied = await gateway.place("while-halted")
        assert (denied.status, denied.error["code"]) == (409, "risk.trading_halted")
        wrong = await gateway.send("PUT", "/v1/accounts/trading-state", {"state": "asleep"}, "halt-wrong")
        assert (wrong.status, wrong.error["details"]["fields"][0]["name"]) == (422, "state")


@pytest.mark.parametrize("done", [True, False])
async def test_long_after_the_core_has_forgotten_the_read_models_answer(place: TradingPlace, done: bool) -> None:
    async with street(place, 2) as made:
        body = json.dumps(order()).encode()
        if done:
            first = await made[0].send("POST", "/v1/orders", body, "long-ago-key")
            await reached(place, first.seq)
        await _grow_old(place, body)
        told = await made[1].send("POST", "/v1/orders", body, "long-ago-key")
        assert told.replayed
        if done:
            assert (told.status, told.body) == (200, first.body)
        else:
            assert (told.status, told.error["code"]) == (409, "order.expired_in_transit")
            assert told.error["details"]["order_id"] == "ord_old"


async def _grow_old(place: TradingPlace, body: bytes) -> None:
    """The request was issued eleven minutes ago; one that was done is not remembered by the core under its new id."""
    requests = OrderRequests(place.store.database)
    identity = identity_of(TENANT, "POST", "/v1/orders", "long-ago-key")
    issued_at = place.clock.now() - 660 * SECOND
    if await requests.get(identity) is not None:
        await _forget_in_core(place, identity, issued_at)
        return
    old = OrderRequest(
        identity, hash_of(body), ("cmd_old",), ("ord_old",), issued_at, issued_at + 3 * SECOND, "1" * 32, "en-US"
    )
    await requests.claim(old)


async def _forget_in_core(place: TradingPlace, identity: str, issued_at: int) -> None:
    """As if the core had forgotten: the read models know the command by another id, which the core never met."""
    database = place.store.database
    known = await database["order_requests"].find_one({"_id": identity})
    answer = await database["command_answers"].find_one({"_id": known["command_ids"][0]})
    await database["command_answers"].insert_one({**answer, "_id": "cmd_forgotten", "command_id": "cmd_forgotten"})
    change = {"command_ids": ["cmd_forgotten"], "issued_at": issued_at, "valid_until": issued_at + 3 * SECOND}
    await database["order_requests"].update_one({"_id": identity}, {"$set": change})
