import pytest

from storage.models.controls import ConnectorState, Halt
from storage.models.order_commands import ArmDeadMan, CancelAll, VenueUnknown
from storage.models.order_events import CancelRequested, DeadManSet
from storage.models.order_records import OrderRecord
from storage.models.venues import QueryRequest
from streams.orders.follow_ups import Deadline, deadlines_in, deadlines_of, follow_ups_of
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


def test_a_dead_man_cancels_everything_once_when_it_is_due() -> None:
    desk = Desk()
    desk.place()
    record = arm(desk, "api", 5_000)
    assert record.events == (DeadManSet("api", True, desk.now + 5 * SECOND, "2023-11-14T22:13:25Z", 5_000, False),)
    assert (record.orders, record.positions) == ((), ())
    (deadline,) = deadlines_in(record)
    assert deadline == deadlines_of(desk.state)[0]
    assert deadline.due_at == desk.now + 5 * SECOND
    desk.now = deadline.due_at
    fired = desk.send(deadline.command)
    assert fired.events == (CancelRequested(reason="dead_man_switch", found=("ord-1",), deadline="api"),)
    assert deadlines_of(desk.state) == ()
    desk.send(follow_ups_of(fired)[0])
    assert desk.state.orders["ord-1"].pending == "cancel"
    assert kinds(desk.send(deadline.command)) == ["CommandRepeated"]


def test_a_renewal_makes_the_earlier_deadline_idle() -> None:
    desk = Desk()
    desk.place()
    (first,) = deadlines_in(arm(desk, "ws:1", 5_000))
    desk.advance(3)
    (second,) = deadlines_in(arm(desk, "ws:1", 5_000))
    desk.advance(2)
    assert not desk.send(first.command).events
    assert deadlines_of(desk.state) == (second,)
    desk.advance(3)
    assert kinds(desk.send(second.command)) == ["CancelRequested"]


def test_names_fall_due_alone_and_zero_switches_one_off() -> None:
    desk = Desk()
    arm(desk, "api", 1_000)
    arm(desk, "ws:1", 2_000)
    assert {deadline.name for deadline in deadlines_of(desk.state)} == {"api", "ws:1"}
    off = arm(desk, "api", 0)
    assert off.events == (DeadManSet("api", False, None, None, 0, False),)
    assert [deadline.name for deadline in deadlines_of(desk.state)] == ["ws:1"]


@pytest.mark.parametrize("timeout", [-1, 86_400_001])
def test_a_timeout_out_of_range_is_denied(timeout: int) -> None:
    assert kinds(arm(Desk(), "api", timeout)) == ["CommandDenied"]


def test_reduce_only_orders_may_be_spared() -> None:
    desk = Desk()
    desk.hold("COIN.SIM", "2")
    desk.place(side="sell", price="105", quantity="1", reduce_only=True)
    desk.place(price="98")
    (deadline,) = deadlines_in(arm(desk, "api", 1_000, spare=True))
    assert isinstance(deadline.command, CancelAll)
    assert deadline.command.spare_reduce_only
    event = desk.send(deadline.command).events[0]
    assert isinstance(event, CancelRequested)
    assert [desk.state.orders[order_id].price for order_id in event.found] == ["98"]


@pytest.fixture
def closed() -> Desk:
    """The stock's market is closed for another 10 s and then open for 100 s."""
    desk = Desk()
    desk.quotes[STOCK] = quote(STOCK, "99", "101", session_state="closed", feed_state="closed")
    desk.hours = {STOCK: Hours(desk.now + 10 * SECOND, desk.now + 110 * SECOND)}
    return desk


def named(desk: Desk, name: str) -> Deadline:
    return next(deadline for deadline in deadlines_of(desk.state) if deadline.name == name)


def test_a_day_order_waits_for_the_open_and_is_sent_then(closed: Desk) -> None:
    record = closed.place(STOCK)
    order = only(record)
    assert kinds(record) == ["OrderAccepted"]
    assert (order.state, order.status, order.reserved) == ("accepted", "new", "49.5")
    assert {deadline.name for deadline in deadlines_in(record)} == {"open:ord-1", "day:ord-1"}
    assert named(closed, "day:ord-1").due_at == closed.now + 110 * SECOND
    release = named(closed, "open:ord-1")
    closed.now = release.due_at
    closed.quotes[STOCK] = quote(STOCK, "99", "101")
    sent = closed.send(release.command)
    assert kinds(sent) == ["OrderSent"]
    assert (only(sent).state, only(sent).connector) == ("sent", "sim-a")
    assert only(sent).valid_until == closed.now + 3 * SECOND
    assert deadlines_of(closed.state) == ()


def test_a_good_till_canceled_order_has_no_end_of_day(closed: Desk) -> None:
    closed.place(STOCK, time_in_force="GTC")
    assert [deadline.name for deadline in deadlines_of(closed.state)] == ["open:ord-1"]


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
        release = named(closed, "open:ord-1")
        closed.now = release.due_at
        assert not closed.send(release.command).events
        pauses.append(named(closed, "open:ord-1").due_at - closed.now)
        assert kinds(closed.send(release.command)) == ["CommandRepeated"]
    assert pauses[:3] == [SECOND // 4, SECOND // 2, SECOND]
    assert pauses[-1] == 30 * SECOND


def test_an_order_whose_day_ends_before_it_is_sent_expires(closed: Desk) -> None:
    closed.place(STOCK)
    end = named(closed, "day:ord-1")
    closed.now = end.due_at
    record = closed.send(end.command)
    assert kinds(record) == ["OrderExpired"]
    assert (only(record).state, only(record).status, only(record).reason) == ("expired", "canceled", "expired")


def test_an_order_at_a_venue_expires_only_by_the_venues_report(closed: Desk) -> None:
    closed.place(STOCK)
    release, end = named(closed, "open:ord-1"), named(closed, "day:ord-1")
    closed.now = release.due_at
    closed.quotes[STOCK] = quote(STOCK, "99", "101")
    closed.send(release.command)
    closed.now = end.due_at
    assert not closed.send(end.command).events


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
        (deadline,) = deadlines_of(desk.state)
        assert deadlines_in(record) == (deadline,)
        desk.now = deadline.due_at
        record = desk.send(deadline.command)
        pauses.append(deadlines_of(desk.state)[0].due_at - desk.now)
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
    assert deadlines_of(desk.state) == ()
    assert [signal.state for signal in signals_of(cleared)] == ["cleared"]
    assert not desk.send(deadline.command).orders
