"""What the log says, by itself and held against the subscribers; and who ended that nobody had ended."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from ops.processes.commands.port import EXIT_TEMPORARY, EXIT_UNAVAILABLE
from ops.runtime.timestamps import parse_timestamp
from storage.log.port import Log
from storage.log.valid_records import ValidRecords
from storage.models.order_commands import PlaceOrder, decode_command
from storage.models.order_events import CommandRepeated, CommandTooOld, OrderAccepted, OrderFilled
from storage.models.order_records import OrderRecord, decode_record
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS
from tests.faults.order_road.fleet import Exit
from tests.faults.report import Injection, Wrong

NO_EFFECT = (CommandRepeated, CommandTooOld)
WAITING = frozenset({"accepted", "sent", "unknown"})
"""Of orders on markets that never close."""
AFTERWARDS = 30.0
"""So long (s) after a fault a process may still end of it: it has looked for log and store, or for a lease that is not over."""


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


def check_exits(ended: list[Exit], injections: list[Injection]) -> list[Wrong]:
    """No process ends but by a fault: streams and feeds that lose log or store begin anew where they are, and gateways stay."""
    return [
        Wrong("otherwise", f"{one} ended by itself, and no fault explains it")
        for one in ended
        if not any(_explains(injection, one) for injection in injections)
    ]


def _explains(fault: Injection, ended: Exit) -> bool:
    """Who starts while log or store are away is refused (69), and so is a feed while the lease of the one that was killed stands
    (75): who started it starts it again.
    """
    services = {"kafka", "mongo"}
    touches = services | {f"{ended.name}/{service}" for service in services}
    if ended.code == EXIT_TEMPORARY and ended.name.startswith("feed"):
        touches.add(ended.name)
    elif ended.code != EXIT_UNAVAILABLE:
        return False
    return fault.target in touches and fault.began <= ended.at <= fault.began + fault.seconds + AFTERWARDS
