"""Streams by partitions and processes: what a trade costs while the same work is spread over more of them.

Every group (partitions, processes) stands ready from the beginning, on topics and a database of its own. In each round each
group in turn is given trades and measured until all of them are folded, in the store and on the topic `bars`.
"""

import asyncio
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from os import environ
from statistics import median
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from ops.bench.bars import Services, services_of
from ops.bench.contender import process_of, python
from ops.bench.cpu import cpu_seconds
from ops.bench.paired import ratio
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.tape import SPAN, tape
from ops.runtime.clock import SystemClock
from storage.log.kafka import KafkaLog
from storage.log.port import Message
from storage.models.market_data import encode
from storage.mongo.connect import connect
from storage.mongo.migrations import migrate
from storage.topics import BARS, DEAD_LETTERS, TRADES, Topics

GROUPS: Final = ((1, 1), (2, 1), (4, 1), (8, 1), (2, 2), (8, 2))
"""Partitions, processes."""
PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.005
_APPENDED_AT_ONCE: Final = 20_000


class Member:
    """A process of a group, and the last that it said."""

    def __init__(self, process: "subprocess.Popen[str]", first: str) -> None:
        self.pid = process.pid
        self.said: dict[str, int] = json.loads(first)
        self._process = process
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            if line.startswith("{"):
                self.said = json.loads(line)


@dataclass(slots=True)
class Group:
    """Its members, its topics, and per round what it took: seconds of CPU of all members, and by the clock."""

    prefix: str
    partitions: int
    members: list[Member]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @property
    def topics(self) -> Topics:
        """As its members have them."""
        return topics_of(self.prefix, self.partitions)

    def total(self, figure: str) -> int:
        """Of all members."""
        return sum(member.said[figure] for member in self.members)

    def used(self) -> float:
        """CPU seconds of all members so far."""
        return sum(cpu_seconds(member.pid) for member in self.members)

    def shared(self) -> bool:
        """Whether every member holds as many partitions as it should."""
        return {member.said["held"] for member in self.members} == {self.partitions // len(self.members)}


def benchmark(scale: Scale, services: Services | None = None) -> Iterable[Report]:
    """One table; without a Kafka and a store an empty one that says so."""
    found = services or services_of(environ)
    if found is None:
        reason = "left out: OMNIAXS_LOG_URL and OMNIAXS_STORE_URL (or HUB_TEST_KAFKA and HUB_TEST_MONGO) name no real servers"
        yield Report("streams", reason, ("partitions",), [])
        return
    count = scale.trades // 5
    with _groups(found, GROUPS if scale.rounds > 1 else GROUPS[::5]) as groups:
        first = time.time_ns() - (scale.rounds + 1) * SPAN
        for turn in range(scale.rounds + 1):  # the first one warms up
            records = [Message(trade.symbol.encode(), encode(trade)) for trade in tape(count, first + turn * SPAN)]
            for group in groups:
                _measure(group, found, records, kept=turn > 0)
    yield _report(groups, scale, count)


def topics_of(prefix: str, partitions: int) -> Topics:
    """Trades in so many partitions; the others as they are."""
    return Topics({TRADES: partitions}, prefix=prefix)


def _measure(group: Group, services: Services, records: Sequence[Message], *, kept: bool) -> None:
    wanted, until = group.total("records") + len(records), time.monotonic() + PATIENCE_SECONDS
    used, began = group.used(), time.perf_counter()
    asyncio.run(_append(group, services, records))
    while group.total("records") < wanted:
        if time.monotonic() > until:
            raise RuntimeError(f"{len(records)} trades were not folded within {PATIENCE_SECONDS:g} s")
        time.sleep(_LOOK_SECONDS)
    if kept:
        group.cpu.append(group.used() - used)
        group.wall.append(time.perf_counter() - began)


async def _append(group: Group, services: Services, records: Sequence[Message]) -> None:
    log = KafkaLog(services.broker, group.topics)
    await log.start()
    try:
        left = iter(records)
        while chunk := list(islice(left, _APPENDED_AT_ONCE)):
            await log.append_many(TRADES, chunk)
    finally:
        await log.close()


@contextmanager
def _groups(services: Services, wanted: Sequence[tuple[int, int]]) -> Iterator[list[Group]]:
    """All of them, once each member holds its share. Raises `RuntimeError` when that does not come about."""
    name = f"bench-{secrets.token_hex(4)}"
    with ExitStack() as running:
        groups = []
        for number, (partitions, processes) in enumerate(wanted):
            prefix = f"{name}-{number}-"
            running.callback(_dropped, services, prefix, partitions)
            asyncio.run(_made(services, prefix, partitions))
            command = python("ops.bench.peers.streams_member", services.broker, services.store_url, prefix, partitions)
            members = [Member(*running.enter_context(process_of(command, '"held"'))) for _ in range(processes)]
            groups.append(Group(prefix, partitions, members))
        until = time.monotonic() + PATIENCE_SECONDS
        while not all(group.shared() for group in groups):
            if time.monotonic() > until:
                raise RuntimeError(f"a group did not share its partitions within {PATIENCE_SECONDS:g} s")
            time.sleep(_LOOK_SECONDS)
        yield groups


async def _made(services: Services, prefix: str, partitions: int) -> None:
    log, store = (
        KafkaLog(services.broker, topics_of(prefix, partitions)),
        connect(services.store_url, prefix.rstrip("-")),
    )
    await log.start()
    try:
        await log.admin().create([TRADES, BARS, DEAD_LETTERS])
        await migrate(store.database, SystemClock())
    finally:
        await log.close()
        store.close()


def _dropped(services: Services, prefix: str, partitions: int) -> None:
    asyncio.run(_drop(services, prefix, partitions))


async def _drop(services: Services, prefix: str, partitions: int) -> None:
    store = connect(services.store_url, prefix.rstrip("-"))
    await store.client.drop_database(store.database.name)
    store.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=services.broker)
    await admin.start()
    try:
        topics = topics_of(prefix, partitions)
        await admin.delete_topics([topics.on_broker(topic) for topic in (TRADES, BARS, DEAD_LETTERS)])
    finally:
        await admin.close()


def _report(groups: Sequence[Group], scale: Scale, count: int) -> Report:
    rows: list[dict[str, Cell]] = [
        {
            "partitions": group.partitions,
            "processes": len(group.members),
            "CPU us a trade": 1e6 * median(group.cpu) / count,
            "least": 1e6 * min(group.cpu) / count,
            "most": 1e6 * max(group.cpu) / count,
            "trades a second": round(count / median(group.wall)),
            "CPU / one partition": ratio(group.cpu, groups[0].cpu),
        }
        for group in groups
    ]
    method = (
        f"{count:,} trades a round into bars of five timeframes, medians of {scale.rounds} rounds; CPU of all members of the group, "
        "from the first append to the last effect; the appending process and the broker share the machine and are not counted"
    )
    columns = (
        "partitions", "processes", "CPU us a trade", "least", "most", "trades a second", "CPU / one partition",
    )  # fmt: skip
    return Report("streams", method, columns, rows, keys=2)
