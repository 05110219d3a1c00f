"""What the log itself tells of a run of orders: when each was asked for, decided, and on the log."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ops.processes.platform import Platform
from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, parse_timestamp
from storage.log.port import Record
from storage.models.order_commands import PlaceOrder, decode_command
from storage.models.order_records import decode_record
from storage.models.ownership import CLAIM_KEY
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS


@dataclass(slots=True)
class Hops:
    """In ns (those to an append are in whole ms): from the request to the command's append, on to its decision, on to the
    append of the record; and from the request to the decision.
    """

    to_command: list[int] = field(default_factory=list)
    to_decision: list[int] = field(default_factory=list)
    to_record: list[int] = field(default_factory=list)
    asked_to_decided: list[int] = field(default_factory=list)


async def positions(platform: Platform) -> dict[str, dict[int, int]]:
    """Where commands and records end now."""
    return {
        topic: {number: held.next for number, held in (await platform.log.bounds(topic)).items()}
        for topic in (ORDER_COMMANDS, ORDER_EVENTS)
    }


async def hops_since(platform: Platform, start: dict[str, dict[int, int]]) -> Hops:
    """Of the orders that were placed since."""
    asked: dict[str, tuple[int, int]] = {}
    async for record in _records(platform, ORDER_COMMANDS, start):
        command = decode_command(record.value or b"")
        if isinstance(command, PlaceOrder) and command.issued_at is not None:
            asked[command.command_id] = (command.issued_at, _appended_at(record))
    hops = Hops()
    async for record in _records(platform, ORDER_EVENTS, start):
        if record.key == CLAIM_KEY:
            continue
        decided = decode_record(record.value or b"")
        times = asked.pop(decided.cause.command_id, None)
        if times is not None:
            issued, appended = times
            at = parse_timestamp(decided.ts)
            hops.to_command.append(appended - issued)
            hops.to_decision.append(at - appended)
            hops.to_record.append(_appended_at(record) - at)
            hops.asked_to_decided.append(at - issued)
    return hops


async def _records(platform: Platform, topic: str, start: dict[str, dict[int, int]]) -> AsyncIterator[Record]:
    for number, held in (await platform.log.bounds(topic)).items():
        async for records in platform.log.read(topic, number, start[topic][number], held.next):
            for record in records:
                yield record


def _appended_at(record: Record) -> int:
    return record.timestamp * NANOSECONDS_PER_MILLISECOND
