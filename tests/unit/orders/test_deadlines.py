from typing import Literal

import pytest

from storage.models.controls import ConnectorState, Halt
from storage.models.order_commands import ArmDeadMan, Command, VenueUnknown
from storage.models.order_events import CancelRequested, DeadManSet
from storage.models.order_records import OrderRecord
from storage.models.venues import QueryRequest
from streams.orders.follow_ups import deadline_command, deadlines_in, deadlines_of, follow_ups_of
from streams.orders.market import Hours
from streams.orders.snapshot import restore, snapshot
from streams.orders.venue_requests import requests_of
from streams.risk.signals import signals_of
from tests.unit.orders.trading_floor import ACCOUNT, SECOND, STOCK, TENANT, Desk, controls, kinds, only, quote


def arm(desk: Desk, name: str, timeout_ms: int, *, spare: bool = False) -> OrderRecord:
    command_id = f"arm-{name}-{len(desk.records)}"
    return desk.send(
        ArmDeadMan(command_id=command_id, account_id=ACCOUNT, name=name, timeout_ms=timeout_ms, spare_reduce_only=spare)
    )


def due(desk: Desk, name: str) -> Command:
    """The command of a deadline that stands."""
    return deadline_command(ACCOUNT, name, deadlines_of(desk.state)[name])


def test_a_dead_man_cancels_everything_once_when_it_is_due() -> None:
    desk = Desk()
    desk.place()
    record = arm(desk, "api", 5_000)
    assert record.events == (DeadManSet("api", True, desk.now + 5 * SECOND, "2023-11-14T22:13:25Z", 5_000, False),)
    assert (record.orders, record.positions) == ((), ())
    changed = {name: at for name, at in deadlines_in(record).items() if at is not None}
    assert changed == deadlines_of(desk.state) == {"switch:api": desk.now + 5 * SECOND}
    command = due(desk, "switch:api")
    desk.now = changed["switch:api"]
    fired = desk.send(command)
    assert fired.events == (CancelRequested(reason="dead_man_switch", found=("ord-1",), deadline="api"),)
    assert deadlines_in(fired) == {"switch:api": None}
    assert deadlines_of(desk.state) == {}
    desk.send(follow_ups_of(fired)[0])
    assert desk.state.orders["ord-1"].pending == "cancel"
    assert kinds(desk.send(command)) == ["CommandRepeated"]


def test_a_renewal_makes_the_earlier_deadline_idle() -> None:
    desk = Desk()
    desk.place()
    arm(desk, "ws:1", 5_000)
    first = due(desk, "switch:ws:1")
    desk.advance(3)
    arm(desk, "ws:1", 5_000)
    second = due(desk, "switch:ws:1")
    desk.advance(2)
    assert not desk.send(first).events
    assert due(desk, "switch:ws:1") == second
    desk.advance(3)
    assert kinds(desk.send(second)) == ["CancelRequested"]


def test_names_fall_due_alone_and_zero_switches_one_off() -> None:
    desk = Desk()
    arm(desk, "api", 1_000)
    arm(desk, "ws:1", 2_000)
    assert set(deadlines_of(desk.state)) == {"switch:api", "switch:ws:1"}
    off = arm(desk, "api", 0)
    assert off.events == (DeadManSet("api", False, None, None, 0, False),)
    assert deadlines_in(off) == {"switch:api": None}
    assert set(deadlines_of(desk.state)) == {"switch:ws:1"}


@pytest.mark.parametrize("timeout", [-1, 86_400_001])
def test_a_timeout_out_of_range_is_denied(timeout: int) -> None:
    assert kinds(arm(Desk(), "api", timeout)) == ["CommandDenied"]


def test_reduce_only_orders_may_be_spared() -> None:
    desk = Desk()
    desk.hold("COIN.SIM", "2")
    desk.place(side="sell", price="105", quantity="1", reduce_only=True)
    desk.place(price="98")
    arm(desk, "api", 1_000, spare=True)
    event = desk.send(due(desk, "switch:api")).events[0]
    assert isinstance(event, CancelRequested)
    assert [desk.state.orders[order_id].price for order_id in event.found] == ["98"]


@pytest.fixture
def closed() -> Desk:
    """The stock's market is closed for another 10 s and then open for 100 s."""
    desk = Desk()
    desk.quotes[STOCK] = quote(STOCK, "99", "101", session_state="closed", feed_state="closed")
    desk.hours = {STOCK: Hours(desk.now + 10 * SECOND, desk.now + 110 * SECOND)}
    return desk


def test_a_day_order_waits_for_the_open_and_is_sent_then(closed: Desk) -> None:
    record = closed.place(STOCK)
    order = only(record)
    assert kinds(record) == ["OrderAccepted"]
    assert (order.state, order.status, order.reserved) == ("accepted", "new", "49.5")
    standing = {"open:ord-1": closed.now + 10 * SECOND, "day:ord-1": closed.now + 110 * SECOND}
    assert deadlines_in(record) == {**standing, "query:ord-1": None}
    assert deadlines_of(closed.state) == standing
    release = due(closed, "open:ord-1")
    closed.now = standing["open:ord-1"]
    closed.quotes[STOCK] = quote(STOCK, "99", "101")
    sent = closed.send(release)
    assert kinds(sent) == ["OrderSent"]
    assert (only(sent).state, only(sent).connector) == ("sent", "sim-a")
    assert only(sent).valid_until == closed.now + 30 * SECOND
    assert deadlines_in(sent) == dict.fromkeys(("query:ord-1", "open:ord-1", "day:ord-1"))
    assert deadlines_of(closed.state) == {}


def test_a_good_till_canceled_order_has_no_end_of_day(closed: Desk) -> None:
    closed.place(STOCK, time_in_force="GTC")
    assert set(deadlines_of(closed.state)) == {"open:ord-1"}


@pytest.mark.parametrize("why", ["closed", "halted", "down"])
def test_an_order_that_cannot_be_sent_at_the_open_looks_again(closed: Desk, why: str) -> None:
    closed.place(STOCK)
    if why != "closed":
        closed.quotes[STOCK] = quote(STOCK, "99", "101")
    if why == "halted":
        closed.controls = controls(Halt("h", "venue", "XNAS", "reducing"))
    if why == "down":
        closed.controls = controls(ConnectorState("sim-a", "down"))
    pauses = []
    for _ in range(10):
        release, closed.now = due(closed, "open:ord-1"), deadlines_of(closed.state)["open:ord-1"]
        assert not closed.send(release).events
        pauses.append(deadlines_of(closed.state)["open:ord-1"] - closed.now)
        assert kinds(closed.send(release)) == ["CommandRepeated"]
    assert pauses[:3] == [SECOND // 4, SECOND // 2, SECOND]
    assert pauses[-1] == 30 * SECOND


@pytest.mark.parametrize(
    ("level", "quantity", "sent"),
    [("reducing", "5", True), ("reducing", "6", False), ("halted", "5", False)],
)
def test_under_reducing_a_waiting_order_that_only_reduces_is_sent(
    closed: Desk, level: Literal["reducing", "halted"], quantity: str, sent: bool
) -> None:
    at_night = closed.quotes[STOCK]
    closed.quotes[STOCK] = quote(STOCK, "99", "101")
    closed.hold(STOCK, "5")
    closed.quotes[STOCK] = at_night
    waiting = only(closed.place(STOCK, side="sell", quantity=quantity, price="101"))
    assert waiting.state == "accepted"
    closed.controls = controls(Halt("h", "venue", "XNAS", level))
    name = f"open:{waiting.order_id}"
    release, closed.now = due(closed, name), deadlines_of(closed.state)[name]
    closed.quotes[STOCK] = quote(STOCK, "99", "101")
    assert kinds(closed.send(release)) == (["OrderSent"] if sent else [])


def test_an_order_whose_open_comes_early_by_the_clock_of_another_owner_looks_again(closed: Desk) -> None:
    closed.place(STOCK)
    opens_at = deadlines_of(closed.state)["open:ord-1"]
    release, closed.now = due(closed, "open:ord-1"), opens_at - SECOND // 2
    closed.hours = {STOCK: Hours(opens_at, opens_at + 100 * SECOND)}
    assert not closed.send(release).events
    assert deadlines_of(closed.state)["open:ord-1"] == opens_at + SECOND // 4
    again, closed.now = due(closed, "open:ord-1"), opens_at + SECOND // 4
    closed.quotes[STOCK] = quote(STOCK, "99", "101")
    assert kinds(closed.send(again)) == ["OrderSent"]


def test_an_order_whose_day_ends_before_it_is_sent_expires(closed: Desk) -> None:
    closed.place(STOCK)
    end, closed.now = due(closed, "day:ord-1"), deadlines_of(closed.state)["day:ord-1"]
    record = closed.send(end)
    assert kinds(record) == ["OrderExpired"]
    assert (only(record).state, only(record).status, only(record).reason) == ("expired", "canceled", "expired")


def test_an_order_at_a_venue_expires_only_by_the_venues_report(closed: Desk) -> None:
    closed.place(STOCK)
    release, end = due(closed, "open:ord-1"), due(closed, "day:ord-1")
    closed.quotes[STOCK] = quote(STOCK, "99", "101")
    closed.advance(10)
    closed.send(release)
    closed.advance(100)
    assert not closed.send(end).events


def test_a_new_owner_finds_every_deadline(closed: Desk) -> None:
    closed.place(STOCK)
    arm(closed, "api", 500)
    assert deadlines_of(restore(snapshot(closed.state))) == deadlines_of(closed.state)
    assert len(deadlines_of(closed.state)) == 3


def test_an_unknown_orders_venue_is_asked_until_it_answers() -> None:
    desk = Desk()
    desk.place()
    record = desk.report(VenueUnknown, "ord-1", code="venue.timeout")
    pauses = []
    for _ in range(8):
        assert kinds(record) == ["OrderUnknown"]
        assert [type(request) for request in requests_of(record, TENANT)] == [QueryRequest]
        command, at = due(desk, "query:ord-1"), deadlines_of(desk.state)["query:ord-1"]
        assert deadlines_in(record)["query:ord-1"] == at
        desk.now = at
        record = desk.send(command)
        pauses.append(deadlines_of(desk.state)["query:ord-1"] - desk.now)
    assert pauses == [
        2 * SECOND,
        4 * SECOND,
        8 * SECOND,
        16 * SECOND,
        32 * SECOND,
        60 * SECOND,
        60 * SECOND,
        60 * SECOND,
    ]
    assert [signal.state for one in desk.records for signal in signals_of(one)] == ["raised"]
    cleared = desk.acknowledge("ord-1")
    assert deadlines_of(desk.state) == {}
    assert [signal.state for signal in signals_of(cleared)] == ["cleared"]
    assert not desk.send(deadline_command(ACCOUNT, "query:ord-1", at + SECOND)).orders


def test_a_deadline_that_an_owner_with_a_slower_clock_decides_has_its_effect() -> None:
    """Its id is used up by then: without an effect the order would never be asked after again."""
    desk = Desk()
    desk.place()
    desk.report(VenueUnknown, "ord-1", code="venue.timeout")
    assert desk.now < deadlines_of(desk.state)["query:ord-1"]
    assert kinds(desk.send(due(desk, "query:ord-1"))) == ["OrderUnknown"]


def test_no_such_deadline() -> None:
    with pytest.raises(ValueError, match="'nap:1'"):
        deadline_command(ACCOUNT, "nap:1", 0)
