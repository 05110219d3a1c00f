"""The whole order core over a log and a store: commands in, records, requests and signals out, killed and begun again."""

from storage.log.port import Message
from storage.models.order_commands import CancelAll, VenueAcknowledged, VenueFilled, VenueUnknown
from storage.models.order_events import CommandDenied, CommandRepeated, OrderAccepted, OrderDenied, ReportUnmatched
from storage.models.venues import SubmitRequest, decode_request
from storage.mongo.ownership import Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, RISK_SIGNALS, VENUE_REQUESTS
from streams.orders.evolve import evolve
from streams.orders.snapshot import snapshot
from streams.orders.state import AccountState
from tests.integration.orders.trading_place import ACCOUNT, COIN, TradingPlace, until


def kinds(record) -> list[str]:
    return [type(event).__name__ for event in record.events]


def acknowledged(number: int) -> VenueAcknowledged:
    return VenueAcknowledged(command_id=f"ack-{number}", account_id=ACCOUNT, order_id=f"ord-{number}")


def filled(number: int, quantity: str, price: str = "60000") -> VenueFilled:
    name = f"fill-{number}-{quantity}"
    return VenueFilled(
        command_id=name, account_id=ACCOUNT, order_id=f"ord-{number}", fill_id=name, price=price, quantity=quantity
    )


async def test_from_an_order_to_its_fill_and_on_after_a_kill(place: TradingPlace) -> None:
    async with place.core():
        await place.open_account()
        order = place.order(1)
        await place.send(order)
        accepted = (await place.records(3))[2]
        assert kinds(accepted) == ["OrderAccepted", "OrderSent"], accepted.events
        assert (accepted.seq, accepted.orders[0].connector, accepted.orders[0].reserved) == (3, "sim-a", "6000")
        assert [used.feed_state for used in accepted.used.quotes if used.symbol == COIN] == ["live"]
        record = next(r for r in await place.valid() if dict(r.headers)["command-id"] == b"cmd-1")
        headers = dict(record.headers)
        assert (record.key, headers["schema"]) == (ACCOUNT.encode(), b"order-record.1")
        assert (headers["tenant-id"], headers["relay"]) == (b"ten_demo", b"venue")
        [request] = await place.messages(VENUE_REQUESTS, 1)
        submit = decode_request(request.value or b"")
        assert isinstance(submit, SubmitRequest)
        assert (request.key, submit.order_id, submit.seq, submit.tenant_id) == (COIN.encode(), "ord-1", 3, "ten_demo")
        await place.send(acknowledged(1), filled(1, "0.04"))
        await place.records(5)
    async with place.core() as role:
        await place.send(order, filled(1, "0.04"), filled(1, "0.06", "59990"))
        records = await place.records(8)
        assert [kinds(one) for one in records[5:]] == [["CommandRepeated"], ["CommandRepeated"], ["OrderFilled"]]
        repeated = records[5].events[0]
        assert isinstance(repeated, CommandRepeated)
        assert repeated.answer.order == accepted.orders[0]
        assert [one.seq for one in records] == list(range(1, 9))
        assert len({one.epoch for one in records}) == 2
        position = records[7].positions[0]
        assert (records[7].orders[0].state, position.net_qty, position.cost) == ("filled", "0.1", "5999.4")
        assert await role.checks["quotes"]() is None
        assert {report.controls_version for report in role.reports()} == {records[7].used.controls_version}
    asked = await place.all(VENUE_REQUESTS)  # after the kill perhaps once more, as the same request
    assert {(one.key, one.value, tuple(one.headers)) for one in asked} == {
        (request.key, request.value, tuple(request.headers))
    }
    assert place.metrics.registry.get_sample_value("omniaxs_fills_total", {"liquidity": "taker"}) == 2


async def test_a_kill_after_a_checkpoint_comes_to_the_same_state(place: TradingPlace) -> None:
    async with place.core(kept=True):
        await place.open_account()
        await place.send(*(place.order(number, quantity="0.001") for number in range(20)))
        await place.send(filled(3, "0.001"), filled(4, "0.0004"))
        partition = next(r.partition for r in await place.valid() if r.key) if await place.records(24) else -1
        end = (await place.log.bounds(ORDER_EVENTS))[partition].next
        floors = Floors(place.store.database, ORDER_EVENTS)

        async def is_covered() -> bool:
            return (await floors.get(partition)).upto >= end - 1

        await until(is_covered)
    async with place.core() as role:
        await place.send(place.order(7, quantity="0.001"), CancelAll(command_id="all", account_id=ACCOUNT))
        records = await place.records(45)
        assert kinds(records[24]) == ["CommandRepeated"]
        assert len(records[25].events[0].found) == 19  # type: ignore[union-attr]
        assert [kinds(one) for one in records[26:45]] == [["CancelRequested"]] * 19
        state = AccountState(ACCOUNT)
        for record in records:
            evolve(state, record)
        owned = role.owner._owner._partitions[partition]._tenure._states[ACCOUNT.encode()]  # type: ignore[attr-defined]
        assert snapshot(owned) == snapshot(state)


async def test_what_is_no_command_is_refused_on_the_log_and_stops_nobody(place: TradingPlace) -> None:
    async with place.core():
        await place.open_account()
        bad = [
            Message(ACCOUNT.encode(), b"\xff{}"),
            Message(ACCOUNT.encode(), b'{"type":"Nonsense","command_id":"cmd-8"}'),
            Message(ACCOUNT.encode(), b'{"type":"VenueFilled","command_id":"rep-1","order_id":"ord-1","price":1}'),
            Message(b"\xff\xfe", b"{}"),
        ]
        await place.log.append_many(ORDER_COMMANDS, bad)
        await place.send(place.order(1))
        records = await place.records(6)
        assert [kinds(one) for one in records[2:5]] == [["CommandDenied"], ["CommandDenied"], ["ReportUnmatched"]]
        denied, unmatched = records[3].events[0], records[4].events[0]
        assert isinstance(denied, CommandDenied)
        assert (denied.command_id, denied.code) == ("cmd-8", "command.malformed")
        assert isinstance(unmatched, ReportUnmatched)
        assert unmatched.report["price"] == 1
        assert isinstance(records[5].events[0], OrderAccepted)
        [signal] = await place.messages(RISK_SIGNALS, 1)
        assert b"reconciliation.break" in (signal.value or b"")

        async def is_refused() -> bool:
            return any((record.key or b"").startswith(b"unreadable:order-commands-") for record in await place.valid())

        await until(is_refused)


async def test_an_unknown_order_is_signalled_and_asked_after(place: TradingPlace) -> None:
    async with place.core():
        await place.open_account()
        await place.send(place.order(1))
        await place.records(3)
        unknown = VenueUnknown(command_id="rep", account_id=ACCOUNT, order_id="ord-1", code="venue.timeout")
        await place.send(unknown)
        requests = await place.messages(VENUE_REQUESTS, 2)
        assert [type(decode_request(request.value or b"")).__name__ for request in requests] == [
            "SubmitRequest",
            "QueryRequest",
        ]
        [signal] = await place.messages(RISK_SIGNALS, 1)
        assert (signal.key, dict(signal.headers)["schema"]) == (ACCOUNT.encode(), b"risk-signal.1")
        records = await place.records(5)
        assert kinds(records[4]) == ["OrderUnknown"]  # its deadline: four seconds after it was placed, asked again
        assert records[4].cause.command_id.startswith(f"due:{ACCOUNT}:query:ord-1:")


async def test_a_market_order_needs_a_market_that_is_read_up(place: TradingPlace) -> None:
    async with place.core() as role:
        await place.open_account()
        await place.send(place.order(1, order_type="market", price=None))
        assert kinds((await place.records(3))[2]) == ["OrderAccepted", "OrderSent"]
        assert await role.checks["quotes"]() is None


async def test_an_account_that_is_not_open(place: TradingPlace) -> None:
    async with place.core():
        await place.send(place.order(1))
        [record] = await place.records(1)
        assert isinstance(record.events[0], OrderDenied)
        assert (record.events[0].code, record.account) == ("account.not_open", None)
        [found] = await place.valid()
        assert dict(found.headers)["tenant-id"] == b""
