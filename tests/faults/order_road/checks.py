"""What the log, the read model, the clients and the subscribers say, held against each other."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ops.runtime.timestamps import parse_timestamp
from storage.log.port import Log
from storage.log.valid_records import ValidRecords
from storage.models.order_commands import PlaceOrder, decode_command
from storage.models.order_events import CommandRepeated, CommandTooOld, OrderAccepted, OrderFilled
from storage.models.order_records import OrderRecord, decode_record
from storage.mongo.accounts import Accounts
from storage.mongo.orders import Orders
from storage.mongo.positions import Positions
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS
from tests.faults.report import Wrong

NO_EFFECT = (CommandRepeated, CommandTooOld)
WAITING = frozenset({"accepted", "sent", "unknown"})
"""Of orders on markets that never close."""


@dataclass(slots=True)
class Told:
    """The valid records of the log, by account."""

    records: dict[str, list[OrderRecord]] = field(default_factory=lambda: defaultdict(list))
    ignored: int = 0
    claims: int = 0

    @property
    def count(self) -> int:
        return sum(map(len, self.records.values()))


async def read_log(log: Log) -> Told:
    """Every valid record of `order-events`."""
    told = Told()
    for partition, bounds in (await log.bounds(ORDER_EVENTS)).items():
        judge = ValidRecords()
        seen = 0
        async for batch in log.read(ORDER_EVENTS, partition, bounds.first, bounds.next):
            for record in judge.take(batch):
                decoded = decode_record(record.value or b"")
                told.records[decoded.account_id].append(decoded)
                seen += 1
        told.claims += len(judge.claims)
        told.ignored += bounds.next - bounds.first - seen - len(judge.claims)
    return told


def check_records(told: Told) -> list[Wrong]:
    """`seq` gap-free, one deciding record a command, each order accepted once, each fill once."""
    wrong = []
    for account_id, records in told.records.items():
        if [record.seq for record in records] != list(range(1, len(records) + 1)):
            wrong.append(Wrong("lost", f"{account_id}: seq is not 1 to {len(records)} without a gap"))
        deciding = Counter(
            record.cause.command_id
            for record in records
            if not any(isinstance(event, NO_EFFECT) for event in record.events)
        )
        wrong += _more_than_once(account_id, "decided", deciding)
        events = [event for record in records for event in record.events]
        accepted = Counter(event.order_id for event in events if isinstance(event, OrderAccepted))
        wrong += _more_than_once(account_id, "accepted", accepted)
        fills = Counter((event.order_id, event.fill_id) for event in events if isinstance(event, OrderFilled))
        wrong += _more_than_once(account_id, "counted as a fill", fills)
    return wrong


def _more_than_once(account_id: str, what: str, counts: Counter[Any]) -> list[Wrong]:
    return [
        Wrong("doubled", f"{account_id}: {name} {what} {times} times") for name, times in counts.items() if times > 1
    ]


def check_settled(told: Told) -> list[Wrong]:
    """At rest no order waits for its venue any more, and of none it is unknown what the venue has made of it."""
    wrong = []
    for account_id, records in told.records.items():
        last = {order.order_id: order for record in records for order in record.orders}
        wrong += [
            Wrong("unanswered", f"{account_id}: {order.order_id} rests as {order.state}, pending {order.pending}")
            for order in last.values()
            if order.state in WAITING or order.pending is not None or order.uncertain
        ]
    return wrong


def check_answers(told: Told, asked: list[Any]) -> list[Wrong]:
    """Everybody has a final answer, and the log says the same."""
    accepted: dict[str, set[str]] = defaultdict(set)
    for account_id, records in told.records.items():
        for event in (event for record in records for event in record.events):
            if isinstance(event, OrderAccepted):
                accepted[account_id].add(event.order_id)
    found = ((one, _wrong_with(one, accepted[one.account_id])) for one in asked)
    return [Wrong(wrong.kind, f"{one.kind} {one.key}: {wrong.what}") for one, wrong in found if wrong is not None]


def _wrong_with(one: Any, accepted: set[str]) -> Wrong | None:
    if one.status == 0:
        return Wrong("unanswered", f"after {one.tries} tries in {one.seconds:.0f} s: {dict(one.met)}")
    if one.status >= 500 or one.status in {401, 403, 422}:
        return Wrong("unanswered", f"{one.status} {one.answer}")
    if one.repeated_alike is False:
        return Wrong("otherwise", "a repeat was answered otherwise")
    return _place_wrong_with(one, accepted) if one.kind == "place" else None


def _place_wrong_with(one: Any, accepted: set[str]) -> Wrong | None:
    order_id = one.data["order_id"] if one.status == 200 else (one.error["details"] or {}).get("order_id")
    if one.status == 200 and order_id not in accepted:
        return Wrong("lost", f"{order_id} was answered 200, and the log has it not")
    if one.status != 200 and order_id in accepted:
        return Wrong("otherwise", f"{order_id} was answered {one.status} {one.error.get('code')}, and is accepted")
    return None


def check_followers(followers: list[Any], late: list[str]) -> list[Wrong]:
    """Nobody misses a record of his account; `late` are those who have not got the newest."""
    return [
        *(Wrong("lost", f"{one.account_id}: a hole in orders.*: {hole}") for one in followers for hole in one.holes()),
        *(Wrong("lost", f"{account_id}: the newest of orders.* did not come") for account_id in late),
    ]


async def read_deadlines(log: Log) -> dict[str, int]:
    """Until when (ns) each order that was asked for may be accepted."""
    deadlines: dict[str, int] = {}
    for partition, bounds in (await log.bounds(ORDER_COMMANDS)).items():
        async for batch in log.read(ORDER_COMMANDS, partition, bounds.first, bounds.next):
            for command in (decode_command(record.value or b"") for record in batch):
                if isinstance(command, PlaceOrder):
                    deadlines[command.order_id] = command.valid_until
    return deadlines


def check_lateness(told: Told, deadlines: dict[str, int]) -> list[Wrong]:
    """Nothing is accepted after its time, and nothing fills that was not accepted."""
    wrong = []
    for account_id, records in told.records.items():
        accepted = set()
        for record, event in ((one, event) for one in records for event in one.events):
            if isinstance(event, OrderAccepted):
                accepted.add(event.order_id)
                if parse_timestamp(record.ts) > deadlines[event.order_id]:
                    late = f"{account_id}: {event.order_id} was accepted too late, at {record.ts}"
                    wrong.append(Wrong("otherwise", late))
            elif isinstance(event, OrderFilled) and event.order_id not in accepted:
                wrong.append(Wrong("otherwise", f"{account_id}: {event.order_id} filled, and was never accepted"))
    return wrong


async def check_read_model(told: Told, database: Any) -> list[Wrong]:
    """Orders, positions and accounts equal a fold of the log from zero; positions also by arithmetic of their own."""
    wrong = []
    accounts, orders, positions = Accounts(database), Orders(database), Positions(database)
    for account_id, records in told.records.items():
        document = await accounts.get(account_id)
        if document is None or document.as_of_seq != records[-1].seq:
            wrong.append(f"{account_id}: the read model is at {document and document.as_of_seq}, not {records[-1].seq}")
            continue
        last_positions = {position.symbol: position for record in records for position in record.positions}
        stored = {position.symbol: position for position in await positions.of(account_id)}
        if stored != last_positions:
            wrong.append(f"{account_id}: positions differ from the log's")
        wrong += _by_arithmetic(account_id, records, stored)
        last_orders = {order.order_id: order for record in records for order in record.orders}
        shown = await orders.get_many(account_id, last_orders)
        wrong += [
            f"{account_id}: {order_id} differs from the log's"
            for order_id, order in last_orders.items()
            if shown.get(order_id) != order
        ]
    return [Wrong("otherwise", what) for what in wrong]


def _by_arithmetic(account_id: str, records: list[OrderRecord], stored: dict[str, Any]) -> list[str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for event in (event for record in records for event in record.events):
        if isinstance(event, OrderFilled):
            quantity = Decimal(event.quantity)
            sums[event.symbol] += quantity if event.side == "buy" else -quantity
    return [
        f"{account_id}: {symbol} {stored[symbol].net_qty if symbol in stored else None}, by its fills {total}"
        for symbol, total in sums.items()
        if symbol not in stored or Decimal(stored[symbol].net_qty) != total
    ]
