"""The order core as an owner takes it: reading commands, records and their headers, checkpoints, what follows."""

import json
from typing import Any

import pytest

from storage.command_messages import command_message
from storage.log.memory_partition import MemoryRecord
from storage.models.controls import Controls
from storage.models.order_commands import (
    ArmDeadMan,
    CancelAll,
    CancelOrder,
    Command,
    Deposit,
    FoundFill,
    OpenAccount,
    PlaceOrder,
    Reconcile,
    VenueUnknown,
    decode_command,
)
from storage.models.order_events import CommandDenied, ReportUnmatched
from storage.models.order_records import decode_record, encode_record
from storage.models.venues import CancelRequest, SubmitRequest, decode_request
from streams.orders.board import MarketBoard
from streams.orders.malformed import Malformed
from streams.orders.owner_rules import OrderRules
from streams.orders.relays import relayed_header, risk_signals, venue_requests
from streams.orders.snapshot import snapshot
from streams.owner.rules import Decision, Moment
from tests.unit.orders.trading_floor import ACCOUNT, COIN, SECOND, START, TENANT, Desk, changed_limits, controls, kinds

TOPIC = "prefix-order-commands"


class Held:
    """Controls."""

    def __init__(self, current: Controls) -> None:
        self.current = current


def record(key: bytes | None, value: bytes, offset: int = 5) -> Any:
    return MemoryRecord(TOPIC, 3, offset, 0, key, value, ())


class Core:
    """The rules and one account's state, driven as an owner drives them."""

    def __init__(self, largest_record: int = 950_000) -> None:
        self.board = MarketBoard(lambda _: None, lambda *_: None)
        self.board.fresh_until = START + 1_000 * SECOND
        text = "2023-11-14T22:13:20Z"
        told = {"symbol": COIN, "venue": "SIM", "last": "100", "bid": "99.99", "ask": "100.01", "bid_size": "1"}
        told |= {"ask_size": "1", "session_state": "open", "ts": text, "ts_in": text}
        self.board.take_quote(COIN.encode(), json.dumps(told).encode())
        self.rules = OrderRules(self.board, Held(controls()), largest_record)
        self.state = self.rules.new_state(ACCOUNT.encode())
        self.offset = 0

    def take(self, key: bytes | None, value: bytes) -> Decision[Any]:
        command = self.rules.decode(record(key, value, self.offset))
        self.offset += 1
        decision = self.rules.decide(self.state, command, Moment(START, 9, self.offset - 1, 7))
        assert decode_record(decision.value) == decision.event
        self.rules.evolve(self.state, decision.event)
        return decision

    def send(self, command: Command) -> Decision[Any]:
        message = command_message(command)
        return self.take(message.key, message.value)

    def open(self, **limits: Any) -> "Core":
        roomy = changed_limits(orders_per_second=1_000_000, **limits)
        self.send(
            OpenAccount(
                command_id="open", account_id=ACCOUNT, tenant_id=TENANT, mode="sandbox", currency="USD", limits=roomy
            )
        )
        self.send(Deposit(command_id="fund", account_id=ACCOUNT, currency="USD", amount="1000000"))
        return self

    def place(self, number: int, **changes: Any) -> Decision[Any]:
        return self.send(order(number, **changes))


def order(number: int, **changes: Any) -> PlaceOrder:
    fields: dict[str, Any] = {"side": "buy", "order_type": "limit", "quantity": "1", "price": "99", **changes}
    return PlaceOrder(
        **{
            "command_id": f"cmd-{number}",
            "account_id": ACCOUNT,
            "issued_at": START,
            "valid_until": START + 3 * SECOND,
            "order_id": f"ord-{number}",
            "symbol": COIN,
            **fields,
        }
    )


def logged(decision: Decision[Any]) -> Any:
    """The decision's record as a relay reads it."""
    return MemoryRecord("order-events", 3, 0, 0, ACCOUNT.encode(), decision.value, decision.headers)


def test_a_record_carries_what_its_readers_need() -> None:
    core = Core()
    early = core.place(1)
    assert dict(early.headers)["tenant-id"] == b""
    core.open()
    placed = core.place(2)
    assert dict(placed.headers) == {
        "schema": b"order-record.1",
        "command-id": b"cmd-2",
        "tenant-id": TENANT.encode(),
        "relay": b"venue",
    }
    assert placed.value == encode_record(placed.event)
    assert (placed.event.epoch, placed.event.cause.topic, placed.event.cause.offset) == (9, "order-commands", 3)


def test_the_account_opening_has_its_tenant_in_the_header() -> None:
    opened = Core().send(
        OpenAccount(command_id="open", account_id=ACCOUNT, tenant_id=TENANT, mode="sandbox", currency="USD")
    )
    assert dict(opened.headers)["tenant-id"] == TENANT.encode()


GOOD = command_message(order(1)).value


@pytest.mark.parametrize(
    ("value", "command_id"),
    [
        (b"", "malformed:order-commands-3-5"),
        (b"\xff\xfe", "malformed:order-commands-3-5"),
        (b'{"a":' * 100_000, "malformed:order-commands-3-5"),
        (b"[1]", "malformed:order-commands-3-5"),
        (GOOD.replace(b'"buy"', b'"long"'), "cmd-1"),
        (GOOD.replace(b"PlaceOrder", b"Place"), "cmd-1"),
        (GOOD.replace(ACCOUNT.encode(), b"acc_other"), "cmd-1"),
        (GOOD.replace(b'"cmd-1"', b'""'), "malformed:order-commands-3-5"),
        (GOOD.replace(b"cmd-1", b"c" * 201), "malformed:order-commands-3-5"),
        (GOOD.replace(str(START + 3 * SECOND).encode(), b"9" * 30), "cmd-1"),
        (GOOD.replace(str(START).encode(), b"-1"), "cmd-1"),
    ],
)
def test_what_is_no_command_is_a_command_that_is_refused(value: bytes, command_id: str) -> None:
    core = Core().open()
    before = snapshot(core.state)
    command = core.rules.decode(record(ACCOUNT.encode(), value))
    assert isinstance(command, Malformed)
    decision = core.rules.decide(core.state, command, Moment(START, 9, 5, 7))
    assert snapshot(core.state) == before
    [event] = decision.event.events
    assert isinstance(event, CommandDenied)
    assert (event.command_id, event.code) == (command_id, "command.malformed")
    assert (event.details["partition"], event.details["offset"]) == (3, 5)
    assert (decision.event.orders, decision.event.account) == ((), None)


def test_a_report_that_cannot_be_read_is_kept_whole_and_signalled() -> None:
    core = Core().open()
    report = {"type": "VenueFilled", "command_id": "rep", "account_id": ACCOUNT, "order_id": "ord-1", "price": 7}
    decision = core.take(ACCOUNT.encode(), json.dumps(report).encode())
    [event] = decision.event.events
    assert isinstance(event, ReportUnmatched)
    assert event.report | report == event.report
    assert "price" in event.report["malformed"]["reason"]
    [signal] = risk_signals(logged(decision))
    assert b"reconciliation.break" in signal.value


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"a" * 201])
def test_commands_without_an_account_are_refused_under_a_name_of_their_partition(key: bytes | None) -> None:
    rules = Core().rules
    command = rules.decode(record(key, GOOD))
    assert rules.key(command) == b"unreadable:order-commands-3"
    state = rules.new_state(rules.key(command))
    decision = rules.decide(state, command, Moment(START, 9, 5, 7))
    assert (decision.event.seq, kinds(decision.event)) == (1, ["CommandDenied"])


def test_a_record_that_its_topic_would_not_take_is_a_refusal_instead() -> None:
    core = Core(largest_record=6_000).open()
    denied = core.place(1, client_order_id="x" * 5_000)
    assert [event.code for event in denied.event.events] == ["command.too_large"]
    assert core.state.orders == {}
    core.place(2)
    fills = tuple(FoundFill(fill_id=f"fill-{number}", price="99", quantity="0.001") for number in range(40))
    report = Reconcile(command_id="rec", account_id=ACCOUNT, order_id="ord-2", outcome="open", fills=fills)
    unmatched = core.send(report)
    assert kinds(unmatched.event) == ["ReportUnmatched"]
    assert core.state.orders["ord-2"].state == "sent"


def test_a_checkpoint_is_compressed_and_comes_back() -> None:
    core = Core().open()
    for number in range(50):
        core.place(number)
    kept = core.rules.snapshot(core.state)
    assert kept[:1] == b"\x01"
    assert len(kept) < len(snapshot(core.state)) / 5
    assert snapshot(core.rules.restore(ACCOUNT.encode(), kept)) == snapshot(core.state)
    with pytest.raises(ValueError, match="form b'\\\\x02'"):
        core.rules.restore(ACCOUNT.encode(), b"\x02" + kept[1:])


def test_what_follows_is_the_same_from_a_record_and_from_state() -> None:
    core = Core().open()
    for number in range(3):
        core.place(number)
    asked = core.send(CancelAll(command_id="all", account_id=ACCOUNT))
    messages = core.rules.follow_ups(asked.event)
    assert messages == core.rules.follow_ups_of(core.state)
    assert [decode_command(message.value).order_id for message in messages] == ["ord-0", "ord-1", "ord-2"]
    assert {message.key for message in messages} == {ACCOUNT.encode()}
    headers = dict(messages[0].headers)
    assert (headers["schema"], headers["event-id"]) == (b"order-command.1", f"cancel:{ACCOUNT}:6:ord-0".encode())


def test_a_deadline_becomes_its_command() -> None:
    core = Core().open()
    armed = core.send(ArmDeadMan(command_id="arm", account_id=ACCOUNT, name="api", timeout_ms=1_000))
    assert core.rules.deadlines(armed.event) == core.rules.deadlines_of(core.state)
    message = core.rules.deadline_command(ACCOUNT.encode(), "switch:api", START + SECOND)
    fired = core.take(message.key, message.value)
    assert core.rules.deadlines(fired.event) == {"switch:api": None}


def test_relays_pass_over_what_asks_nothing_and_look_into_what_does_not_say() -> None:
    core = Core().open()
    placed = logged(core.place(1))
    [request] = venue_requests(placed)
    submit = decode_request(request.value)
    assert isinstance(submit, SubmitRequest)
    assert (request.key, submit.tenant_id) == (COIN.encode(), TENANT)
    assert dict(request.headers) == {"event-id": f"ord-1/{submit.seq}".encode(), "schema": b"venue-request.1"}
    assert risk_signals(placed) == ()
    unreadable = MemoryRecord("order-events", 3, 0, 0, b"", b"not read", (("relay", b""),))
    assert (venue_requests(unreadable), risk_signals(unreadable)) == ((), ())
    silent = MemoryRecord("order-events", 3, 0, 0, b"", placed.value, (("tenant-id", b"ten_x"),))
    assert decode_request(venue_requests(silent)[0].value).tenant_id == "ten_x"
    canceled = logged(core.send(CancelOrder(command_id="c", account_id=ACCOUNT, order_id="ord-1")))
    assert isinstance(decode_request(venue_requests(canceled)[0].value), CancelRequest)
    unknown = core.send(VenueUnknown(command_id="u", account_id=ACCOUNT, order_id="ord-1", code="venue.timeout"))
    assert dict(unknown.headers)["relay"] == b"venue,risk"
    [signal] = risk_signals(logged(unknown))
    assert (signal.key, json.loads(signal.value)["state"]) == (ACCOUNT.encode(), "raised")
    assert dict(signal.headers)["event-id"].endswith(b"/raised")


def test_a_mass_cancel_asks_the_venue_by_its_cancels_alone() -> None:
    core = Core().open()
    core.place(1)
    asked = core.send(CancelAll(command_id="all", account_id=ACCOUNT))
    assert dict(asked.headers)["relay"] == b""


def test_every_record_of_a_desk_says_truly_what_is_relayed() -> None:
    """The header is worked out apart from what is relayed: they must agree on records of every kind."""
    desk = Desk(limits=changed_limits(orders_per_second=2))
    for _ in range(4):
        desk.place(quantity="3")
    desk.acknowledge("ord-1")
    desk.fill("ord-1", "1")
    desk.amend("ord-1", price="98")
    desk.report(VenueUnknown, "ord-2", code="venue.timeout")
    desk.report(Reconcile, "ord-2", outcome="open")
    desk.cancel("ord-2")
    desk.fill("ord-9", "1")
    for made in desk.records:
        bare = MemoryRecord("order-events", 0, 0, 0, b"", encode_record(made), (("tenant-id", TENANT.encode()),))
        headers = (*bare.headers, relayed_header(made))
        said = MemoryRecord("order-events", 0, 0, 0, b"", bare.value, headers)
        assert list(venue_requests(said)) == list(venue_requests(bare))
        assert list(risk_signals(said)) == list(risk_signals(bare))
