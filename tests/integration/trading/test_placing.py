"""Orders over REST before a real core: accepted, denied, repeated, in batches."""

import asyncio
import json
from dataclasses import replace

from storage.models.order_commands import PlaceOrder, decode_command
from storage.models.order_requests import OrderRequest
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.failures import StoreUnavailable
from storage.mongo.order_requests import OrderRequests
from storage.topics import ORDER_COMMANDS
from tests.integration.orders.trading_place import ACCOUNT, COIN, TradingPlace, until
from tests.integration.trading.trading_desk import gateways, order, street


async def test_an_order_is_answered_by_its_record(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        answer = await gateway.place("first-order", client_order_id="mine-1")
        assert (answer.status, answer.replayed) == (200, False), answer.body
        data = answer.data
        assert data["order_id"].startswith("ord_")
        assert (data["client_order_id"], data["status"], data["symbol"]) == ("mine-1", "new", COIN)
        assert (data["quantity"], data["price"], data["connector"]) == ("0.1", "50000", "sim-a")
        assert answer.seq == data["seq"] == 3
        [command] = [c for c in await _placed(place) if c.order_id == data["order_id"]]
        assert command.account_id == ACCOUNT
        assert command.valid_until - (command.issued_at or 0) == 3_000_000_000


async def test_the_trace_of_the_first_request_goes_with_the_command(place: TradingPlace) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with street(place) as [gateway]:
        sent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        first = await gateway.send("POST", "/v1/orders", order(), "trace-key", **sent)
        again = await gateway.send("POST", "/v1/orders", order(), "trace-key")
        assert json.loads(first.body)["trace_id"] == trace
        assert (again.body, again.headers["X-Trace-Id"]) == (first.body, trace)
        records = [r for r in await place.all(ORDER_COMMANDS) if "traceparent" in dict(r.headers)]
        assert {dict(r.headers)["traceparent"][3:35] for r in records} == {trace.encode()}
        assert len(records) == 2


async def test_a_denied_order_says_which_and_why_and_is_repeated_as_it_is(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        first = await gateway.place("too-large", quantity="9000000")
        assert (first.status, first.error["code"]) == (409, "order.max_quantity")
        assert first.error["details"]["order_id"].startswith("ord_")
        assert "max_quantity" in first.error["details"]
        again = await gateway.place("too-large", quantity="9000000")
        assert (again.status, again.body, again.replayed) == (409, first.body, True)
        assert first.seq == again.seq


async def test_the_same_client_order_id_and_content_is_the_first_order(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        first = await gateway.place("key-one-1", client_order_id="mine")
        second = await gateway.place("key-two-2", client_order_id="mine")
        assert second.data["order_id"] == first.data["order_id"]
        assert (second.data["duplicate"], "duplicate" in first.data) == (True, False)
        repeat = await gateway.place("key-two-2", client_order_id="mine")
        assert (repeat.body, repeat.replayed) == (second.body, True)
        other = await gateway.place("key-three", client_order_id="mine", quantity="0.2")
        assert (other.status, other.error["code"]) == (409, "order.duplicate_client_id")
        details = other.error["details"]
        assert details["other_order_id"] == first.data["order_id"] != details["order_id"]


async def test_one_key_fifty_times_at_once_over_two_gateways_is_one_order(place: TradingPlace) -> None:
    async with street(place, 2) as made:
        answers = await asyncio.gather(*(made[number % 2].place("same-key-here") for number in range(50)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert sorted(answer.replayed for answer in answers) == [False] + 49 * [True]
        commands = await _placed(place)
        assert len({(c.command_id, c.order_id, c.issued_at, c.valid_until) for c in commands}) == 1
        accepted = [r for r in await place.records(2) if any(type(e).__name__ == "OrderAccepted" for e in r.events)]
        assert len(accepted) == 1


async def test_another_body_under_a_key_is_refused(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        assert (await gateway.place("used-once")).status == 200
        other = await gateway.place("used-once", quantity="0.2")
        assert (other.status, other.error["code"]) == (409, "idempotency.mismatch")
        assert len(await _placed(place)) == 1


async def test_without_an_answer_it_is_unknown_and_the_retry_on_another_gateway_tells_the_truth(
    place: TradingPlace,
) -> None:
    async with street(place):
        pass
    async with gateways(place, 2) as made:
        lost = await made[0].place("nobody-decides")
        assert (lost.status, lost.error["code"], lost.error["retryable"]) == (503, "order.outcome_unknown", True)
        assert not lost.replayed
        order_id = lost.error["details"]["order_id"]
    async with street(place, 2) as made:
        told = await made[1].place("nobody-decides")
        # The core met the command only now, after its time: it was never executed, and says so.
        assert (told.status, told.error["code"]) == (409, "order.expired_in_transit")
        assert (told.error["details"]["order_id"], told.replayed) == (order_id, True)


async def test_a_retry_is_answered_although_the_core_is_too_far_behind_to_come_to_it_again(place: TradingPlace) -> None:
    answers = CommandAnswers(place.store.database)
    async with street(place) as [gateway]:
        first = await gateway.place("core-is-behind")
        [command] = await _placed(place)
        while not await answers.get([command.command_id]):  # noqa: ASYNC110  (the projection writes it)
            await asyncio.sleep(0.02)
    async with gateways(place, 1) as [alone]:
        again = await alone.place("core-is-behind")
    assert (again.status, again.body, again.replayed) == (200, first.body, True)


async def test_an_answer_that_was_lost_is_given_to_the_retry(place: TradingPlace) -> None:
    async with street(place, 2) as made:
        while not await _placed(place):  # a first try that was told "unknown" before it was published is sent again
            sending = asyncio.create_task(made[0].place("connection-lost"))
            await until(lambda: _published_or_told(place, sending))  # noqa: B023
            sending.cancel()
        told = await made[1].place("connection-lost")
        assert (told.status, told.replayed) == (200, True)
        assert len({c.command_id for c in await _placed(place)}) == 1


class DyingRequests(OrderRequests):
    """Keeps the document; whoever asked never hears of it."""

    async def claim(self, request: OrderRequest) -> OrderRequest:
        await super().claim(request)
        return await asyncio.Future()


async def test_killed_between_document_and_publish_the_retry_places_it(place: TradingPlace) -> None:
    dying = DyingRequests(place.store.database)
    async with street(place) as [gateway], gateways(place, 1, lambda parts: replace(parts, requests=dying)) as [killed]:
        sending = asyncio.create_task(killed.place("killed-key"))
        await until(lambda: place.store.database["order_requests"].count_documents({}))
        sending.cancel()
        assert await _placed(place) == []
        told = await gateway.place("killed-key")
        assert (told.status, told.replayed) == (200, True)
        assert len(await _placed(place)) == 1


async def _published_or_told(place: TradingPlace, sending: "asyncio.Task[object]") -> bool:
    return sending.done() or bool(await _placed(place))


async def _placed(place: TradingPlace) -> list[PlaceOrder]:
    commands = [decode_command(record.value or b"") for record in await place.all(ORDER_COMMANDS)]
    return [command for command in commands if isinstance(command, PlaceOrder)]


class AwayRequests(OrderRequests):
    """The database does not answer."""

    async def claim(self, request: OrderRequest) -> OrderRequest:
        raise StoreUnavailable("no server")


async def test_without_the_database_nothing_is_published_and_the_same_key_places_it_later(place: TradingPlace) -> None:
    away = AwayRequests(place.store.database)
    async with street(place) as [gateway], gateways(place, 1, lambda parts: replace(parts, requests=away)) as [lost]:
        answer = await lost.place("no-database")
        assert (answer.status, answer.error["code"], answer.error["retryable"]) == (503, "order.outcome_unknown", True)
        assert await _placed(place) == []
        assert (await gateway.place("no-database")).status == 200


async def test_an_order_that_may_be_on_its_way_for_a_shorter_time_says_so(place: TradingPlace) -> None:
    async with street(place) as [gateway]:
        sent = {"X-PM-VALID-FOR": "2500"}
        assert (await gateway.send("POST", "/v1/orders", order(), "short-lived", **sent)).status == 200
        [command] = await _placed(place)
        assert command.valid_until - (command.issued_at or 0) == 2_500_000_000
