"""Decisions a second of the pure order core on one core, and how long a partition takes to be read up after a take-over."""

import asyncio
import gc
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import islice
from statistics import median
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from ops.bench.bars import Services, services_of
from ops.bench.peers.naive_orders import NaiveCore
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.trading_day import Core, on_the_log, opening, place, rounds, rules
from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Log, Message
from storage.models.ownership import CLAIM_KEY, claim_headers
from storage.mongo.connect import connect
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.app.memory_owner_runner import OnlyMember
from streams.owner.owner import Owner
from streams.owner.ports import OwnerPorts, OwnerTopics

OPEN_ORDERS: Final = (10, 1_000, 10_000)
_RECOVERED_ACCOUNTS: Final = 100
_APPENDED_AT_ONCE: Final = 5_000
_ACCOUNT: Final = "acc_bench"


def benchmark(scale: Scale) -> Iterable[Report]:
    """A table of decisions, and one of recoveries."""
    yield _decisions(scale)
    yield asyncio.run(recoveries(scale, services_of(os.environ)))


def _decisions(scale: Scale) -> Report:
    count = scale.trades // 15
    rows: list[dict[str, Cell]] = []
    for held in OPEN_ORDERS:
        ours = [_ours(held, count) for _ in range(scale.rounds)]
        naive = [_naive(held, _few(scale)) for _ in range(scale.rounds)]
        for name, measured in (("ours, every rule", ours), ("dictionaries, json, Decimal", naive)):
            rows.append(
                {
                    "contender": name,
                    "open orders": held,
                    "decisions a CPU second": round(1 / median(measured)),
                    "least": round(1 / max(measured)),
                    "most": round(1 / min(measured)),
                    "CPU us a decision": 1e6 * median(measured),
                }
            )
    method = (
        f"{count:,} commands a round (place, acknowledge, fill or cancel and canceled) of one account, bytes in, bytes out: "
        f"decode, decide, encode, evolve; medians of {scale.rounds} rounds; the naive one decides {_few(scale):,} and has "
        "no margin, limits, controls or valuation"
    )
    columns = ("contender", "open orders", "decisions a CPU second", "least", "most", "CPU us a decision")
    return Report("order-decisions", method, columns, rows)


def _few(scale: Scale) -> int:
    """The naive one takes 10 ms for one decision with 10,000 open orders."""
    return scale.trades // 300


def _ours(held: int, count: int) -> float:
    core = Core()
    before = [*opening(_ACCOUNT), *(place(_ACCOUNT, number) for number in range(held))]
    for record in on_the_log(before, 0):
        core.take(record)
    commands = on_the_log(list(islice(rounds(_ACCOUNT, held), count)), len(before))
    return _cpu_seconds(core.take, commands)


def _naive(held: int, count: int) -> float:
    core = NaiveCore("1000000000")
    for record in on_the_log([place(_ACCOUNT, number) for number in range(held)], 0):
        core.rest(json.loads(record.value), Decimal(60))  # deciding ten thousand would take it minutes
    commands = on_the_log(list(islice(rounds(_ACCOUNT, held), count)), held)
    return _cpu_seconds(lambda record: core.take(record.value), commands)


def _cpu_seconds(take: Callable[[MemoryRecord], object], records: Sequence[MemoryRecord]) -> float:
    """Of one record. The collector is set as every process of ours sets it (`lifetime.settle_memory`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    began = time.process_time()
    for record in records:
        take(record)
    taken = time.process_time() - began
    gc.unfreeze()
    return taken / len(records)


async def recoveries(scale: Scale, services: Services | None) -> Report:
    """Over the log in memory, and over Kafka where there are services."""
    count = scale.trades // 3
    messages = _records(count)
    rows: list[dict[str, Cell]] = [await _recovery("memory", MemoryLog(_topics("")), messages, scale, "mongomock://")]
    if services is not None:
        topics = _topics(f"bench-{secrets.token_hex(4)}-")
        log = KafkaLog(services.broker, topics)
        try:
            rows.append(await _recovery("Kafka", log, messages, scale, services.store_url))
        finally:
            await _forget(services.broker, topics)
    method = (
        f"{count:,} records of {_RECOVERED_ACCOUNTS} accounts in one partition after the last checkpoint; from the assignment "
        f"to the first command that could be decided: claim, read up, fold; medians of {scale.rounds} rounds"
    )
    return Report("order-core-recovery", method, ("log", "records", "seconds", "records a second"), rows)


def _records(count: int) -> list[Message]:
    """Records of one owner whose claim stands at offset 0."""
    core = Core()
    names = [f"acc_{number}" for number in range(_RECOVERED_ACCOUNTS)]
    commands = [command for name in names for command in opening(name)]
    each = [rounds(name, 0) for name in names]
    commands += [next(each[at % len(each)]) for at in range(count - len(commands))]
    return [core.take(record, epoch=0) for record in on_the_log(commands, 0)]


async def _recovery(name: str, log: Log, messages: Sequence[Message], scale: Scale, store_url: str) -> dict[str, Cell]:
    await log.start()
    store = connect(store_url, f"bench_{secrets.token_hex(4)}")
    try:
        await log.admin().create([ORDER_COMMANDS, ORDER_EVENTS])
        writer = await log.writer(ORDER_EVENTS, 0)
        await writer.append([Message(CLAIM_KEY, b"", claim_headers("bench"))])
        for start in range(0, len(messages), _APPENDED_AT_ONCE):
            await writer.append(messages[start : start + _APPENDED_AT_ONCE])
        await writer.close()
        ports = OwnerPorts(
            log,
            Checkpoints(store.database, ORDER_EVENTS),
            Floors(store.database, ORDER_EVENTS),
            ClaimHistories(store.database, ORDER_EVENTS),
            _NoControls(),
            SystemClock(),
            SystemIdentifiers(),
        )
        measured = [await _read_up(ports) for _ in range(scale.rounds)]
    finally:
        await store.client.drop_database(store.database.name)
        store.close()
        await log.close()
    seconds = median(measured)
    return {
        "log": name,
        "records": len(messages),
        "seconds": seconds,
        "records a second": round(len(messages) / seconds),
    }


async def _read_up(ports: OwnerPorts) -> float:
    owner = Owner(rules(), ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS))
    began = time.perf_counter()
    await owner.assigned(0, OnlyMember())
    taken = time.perf_counter() - began
    await owner.revoked(0)
    return taken


class _NoControls:
    """Nothing changes."""

    version = 1

    async def catch_up(self) -> None:
        """There is nothing to read."""


def _topics(prefix: str) -> Topics:
    return Topics({ORDER_COMMANDS: 1, ORDER_EVENTS: 1}, prefix=prefix)


async def _forget(broker: str, topics: Topics) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.delete_topics([topics.on_broker(name) for name in (ORDER_COMMANDS, ORDER_EVENTS)])
    finally:
        await admin.close()
