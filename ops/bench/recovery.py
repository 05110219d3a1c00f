"""Recovery: how long a partition takes to be taken over, by how many records stand after its last checkpoint.

From the assignment to the first command that could be decided: claim, read up, fold. Over the log in memory, and over
Kafka with a store where there are services.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import isqrt
from statistics import median
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from ops.bench.bars import Services, services_of
from ops.bench.paired import ratio
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.trading_day import Core, on_the_log, opening, rounds, rules
from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Log, Message
from storage.models.ownership import CLAIM_KEY, claim_headers
from storage.mongo.connect import connect
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.app.memory_owner_runner import OnlyMember
from streams.owner.owner import Owner
from streams.owner.ports import OwnerPorts, OwnerTopics

MEMORY, KAFKA = "memory", "Kafka"
_ACCOUNTS: Final = 100
_APPENDED_AT_ONCE: Final = 5_000


@dataclass(slots=True)
class Taken:
    """Of each take-over: seconds by the clock, and of CPU in all threads of the process."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def benchmark(scale: Scale, services: Services | None = None) -> Iterable[Report]:
    """One table."""
    yield asyncio.run(_benchmark(scale, services or services_of(os.environ)))


def counts(scale: Scale) -> tuple[int, int, int]:
    """How many records are read up."""
    return scale.records // 100, scale.records // 10, scale.records


def rounds_of(scale: Scale, count: int) -> int:
    """More where a round takes milliseconds: as many times more as the root of how many fewer records there are."""
    return scale.rounds * isqrt(max(counts(scale)) // count)


async def _benchmark(scale: Scale, services: Services | None) -> Report:
    messages = _records(max(counts(scale)))
    rows: list[dict[str, Cell]] = []
    for count in counts(scale):
        taken = {MEMORY: Taken()} if services is None else {MEMORY: Taken(), KAFKA: Taken()}
        async with _partition(None, messages[:count]) as memory, _partition(services, messages[:count]) as kafka:
            for _ in range(rounds_of(scale, count)):
                await _read_up(memory, taken[MEMORY])
                if services is not None:
                    await _read_up(kafka, taken[KAFKA])
        rows += [_row(name, count, one, taken[MEMORY]) for name, one in taken.items()]
    method = (
        f"records of {_ACCOUNTS} accounts in one partition without a checkpoint after them; from the assignment to the first "
        f"command that could be decided: claim, read up, fold; medians of {scale.rounds} rounds (more with few records); CPU of the "
        "owner's process"
    )
    columns = ("log", "records", "seconds", "least", "most", "CPU seconds", "records a second", "CPU / memory")
    return Report("recovery", method, columns, rows, keys=2)


def _row(log: str, count: int, taken: Taken, in_memory: Taken) -> dict[str, Cell]:
    return {
        "log": log,
        "records": count,
        "seconds": median(taken.wall),
        "least": min(taken.wall),
        "most": max(taken.wall),
        "CPU seconds": median(taken.cpu),
        "records a second": round(count / median(taken.wall)),
        "CPU / memory": ratio(taken.cpu, in_memory.cpu),
    }


def _records(count: int) -> list[Message]:
    """Records of one owner whose claim stands at offset 0."""
    core = Core()
    names = [f"acc_{number}" for number in range(_ACCOUNTS)]
    commands = [command for name in names for command in opening(name)]
    each = [rounds(name, 0) for name in names]
    commands += [next(each[at % len(each)]) for at in range(count - len(commands))]
    return [core.take(record, epoch=0) for record in on_the_log(commands, 0)]


@asynccontextmanager
async def _partition(services: Services | None, messages: Sequence[Message]) -> AsyncIterator[OwnerPorts]:
    """A partition with these records behind a claim, on topics and a database of its own; without services in memory."""
    topics = Topics({ORDER_COMMANDS: 1, ORDER_EVENTS: 1}, prefix=f"bench-{secrets.token_hex(4)}-")
    log: Log = MemoryLog(topics) if services is None else KafkaLog(services.broker, topics)
    store = connect("mongomock://" if services is None else services.store_url, f"bench_{secrets.token_hex(4)}")
    await log.start()
    try:
        await log.admin().create([ORDER_COMMANDS, ORDER_EVENTS])
        writer = await log.writer(ORDER_EVENTS, 0)
        await writer.append([Message(CLAIM_KEY, b"", claim_headers("bench"))])
        for start in range(0, len(messages), _APPENDED_AT_ONCE):
            await writer.append(messages[start : start + _APPENDED_AT_ONCE])
        await writer.close()
        database = store.database
        yield OwnerPorts(
            log,
            Checkpoints(database, ORDER_EVENTS),
            Floors(database, ORDER_EVENTS),
            ClaimHistories(database, ORDER_EVENTS),
            _NoControls(),
            SystemClock(),
            SystemIdentifiers(),
        )
    finally:
        await store.client.drop_database(store.database.name)
        store.close()
        await log.close()
        if services is not None:
            await _forget(services.broker, topics)


async def _read_up(ports: OwnerPorts, taken: Taken) -> None:
    owner = Owner(rules(), ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS))
    began, used = time.perf_counter(), time.process_time()
    await owner.assigned(0, OnlyMember())
    taken.wall.append(time.perf_counter() - began)
    taken.cpu.append(time.process_time() - used)
    await owner.revoked(0)


class _NoControls:
    """Nothing changes."""

    version = 1

    async def catch_up(self) -> None:
        """There is nothing to read."""


async def _forget(broker: str, topics: Topics) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.delete_topics([topics.on_broker(name) for name in (ORDER_COMMANDS, ORDER_EVENTS)])
    finally:
        await admin.close()
