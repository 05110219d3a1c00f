"""Claim, then read up: how a partition's state comes out of checkpoints and the log (rules 1, 3, 7, 8, 14 of docs/ownership.md)."""

import asyncio
from dataclasses import dataclass
from typing import Generic

from storage.log.port import LogUnavailable, Message, PartitionWriter
from storage.log.valid_records import ValidRecords
from storage.models.ownership import (
    CLAIM_KEY,
    NOTHING,
    Checkpoint,
    ClaimHistory,
    Floor,
    cause_of,
    claim_headers,
    decided_at_of,
)
from streams.owner.ports import Charge
from streams.owner.rules import Command, Event, Rules, State
from streams.owner.uncovered import Uncovered


class Superseded(Exception):
    """Another owner has claimed the partition later: from that record on this claim counts for nothing."""


@dataclass(slots=True)
class Claimed:
    """A claim that stands at offset `epoch`, and the only writer that may append under it."""

    epoch: int
    writer: PartitionWriter


@dataclass(slots=True)
class Standing(Generic[State]):
    """All that is known of a partition up to some offset: its states, the highest cause and the latest time in it, the
    first changes that no checkpoint covers, the floor, and the claims.
    """

    states: dict[bytes, State]
    cause: int
    decided_at: int
    uncovered: Uncovered
    floor: Floor
    history: ClaimHistory


async def claim(charge: Charge[State, Command, Event]) -> Claimed:
    """Append a claim with a new writer. Raises `AppendUnknown` or `LogUnavailable`; the writer is closed then."""
    writer = await charge.ports.log.writer(charge.topics.records, charge.partition)
    try:
        headers = claim_headers(charge.ports.identifiers.event_id())
        [epoch] = await writer.append([Message(CLAIM_KEY, b"", headers)])
    except BaseException:
        await writer.close()
        raise
    return Claimed(epoch, writer)


async def read_up(charge: Charge[State, Command, Event], epoch: int) -> Standing[State]:
    """The standing of a partition at the claim `epoch`.

    The floor is loaded before the checkpoints, which only grow, so that none of them is older than the floor says.
    Raises `Superseded` when one of them stands beyond the claim, `PositionLost` when the log has lost what follows
    the floor.
    """
    rules, ports, partition = charge.rules, charge.ports, charge.partition
    floor = await ports.floors.get(partition)
    checkpoints = await ports.checkpoints.of_partition(partition)
    history = await ports.claims.get(partition)
    furthest = max([floor.upto, *(checkpoint.upto for checkpoint in checkpoints)])
    if furthest > epoch:
        raise Superseded(f"{charge}: claimed at {epoch}, and somebody has stored {furthest}")
    standing = await _restored(rules, floor, checkpoints, history)
    covered = {checkpoint.key: checkpoint.upto for checkpoint in checkpoints}
    judge = ValidRecords(floor.anchor)
    async for records in ports.log.read(charge.topics.records, partition, floor.upto + 1, epoch):
        for record in judge.take(records):
            cause = cause_of(record.headers)
            standing.cause = max(standing.cause, NOTHING if cause is None else cause)
            standing.decided_at = max(standing.decided_at, decided_at_of(record.headers))
            key = record.key or b""
            if record.offset <= covered.get(key, NOTHING):
                continue
            if key not in standing.states:
                standing.states[key] = rules.new_state(key)
            rules.evolve(standing.states[key], rules.read(record))
            standing.uncovered.changed(key, record.offset)
    if judge.anchor.upto != max(epoch - 1, floor.upto):
        raise LogUnavailable(f"{charge} was read up to {judge.anchor.upto}, not to {epoch - 1}")
    standing.history = history.extended(epoch, [*judge.claims, epoch], floor)
    return standing


async def _restored(
    rules: Rules[State, Command, Event], floor: Floor, checkpoints: list[Checkpoint], history: ClaimHistory
) -> Standing[State]:
    states: dict[bytes, State] = {}
    for checkpoint in checkpoints:
        states[checkpoint.key] = rules.restore(checkpoint.key, checkpoint.state)
        await asyncio.sleep(0)  # one may take tens of milliseconds, and other partitions go on deciding
    return Standing(
        states=states,
        cause=max([floor.cause, *(checkpoint.cause for checkpoint in checkpoints)]),
        decided_at=max([floor.decided_at, *(checkpoint.decided_at for checkpoint in checkpoints)]),
        uncovered=Uncovered(),
        floor=floor,
        history=history,
    )
