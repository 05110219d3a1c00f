"""Owners as processes on one topic of commands: start, kill and pause them under load, and read what the log then says."""

import asyncio
import itertools
import json
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from storage.log.kafka import KafkaLog
from storage.log.port import Record
from storage.log.valid_records import ValidRecords
from storage.models.ownership import is_claim
from storage.mongo.connect import connect
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from tests.simulation.owner.ledger import Ask, Happened, happened, message_of

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
PARTITIONS = range(8)
ACCOUNTS = 40
SECONDS_FOR_A_TAKE_OVER = 30.0


@dataclass(eq=False)
class Process:
    """One process and what it has said."""

    name: str
    process: asyncio.subprocess.Process
    errors: Path
    said: list[dict[str, Any]] = field(default_factory=list)
    owns: dict[int, int] = field(default_factory=dict)
    paused: bool = False

    @property
    def lives(self) -> bool:
        return self.process.returncode is None

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            heard = json.loads(line)
            self.said.append(heard)
            if "owns" in heard:
                self.owns = {int(partition): epoch for partition, epoch in heard["owns"].items()}
        await self.process.wait()
        self.owns = {}

    def claiming_seconds(self) -> list[float]:
        """From the assignment of a partition that was not owned here to its being claimed and read up."""
        taken, waiting, owned = [], {}, set()
        for heard in self.said:
            if "assigned" in heard and heard["assigned"] not in owned:
                waiting.setdefault(heard["assigned"], heard["at"])
            if "owns" in heard:
                owned = {int(partition) for partition in heard["owns"]}
                taken += [(heard["at"] - waiting.pop(each)) / 1e9 for each in owned if each in waiting]
        return taken

    def count(self, key: str, partition: int, **more: Any) -> int:
        wanted = {key: partition, **more}
        return sum(all(heard.get(name) == value for name, value in wanted.items()) for heard in self.said)


@dataclass
class Found:
    """What the log says, by partition and in all."""

    commands: int
    records: list[list[Record]]
    valid: list[list[Record]]
    claims: dict[int, list[Record]]

    @property
    def events(self) -> list[Happened]:
        return [happened(record) for records in self.valid for record in records]

    @property
    def ignored(self) -> int:
        claims = sum(map(len, self.claims.values()))
        return sum(map(len, self.records)) - sum(map(len, self.valid)) - claims

    def claims_of(self, name: str, partition: int) -> list[int]:
        return [claim.offset for claim in self.claims[partition] if _whose(claim) == name]


def _whose(claim: Record) -> str:
    return dict(claim.headers)["event-id"].decode().partition(":")[0]


class House:
    """Use it as an async context manager."""

    def __init__(self, broker: str, store_url: str, folder: Path) -> None:
        self.broker, self.store_url, self.folder = broker, store_url, folder
        self.prefix, self.database = f"owners-{secrets.token_hex(4)}-", f"owners_{secrets.token_hex(6)}"
        self.log = KafkaLog(broker, Topics(prefix=self.prefix))
        self.processes: list[Process] = []
        self.asked: Counter[str] = Counter()
        self._listening: list[asyncio.Task[None]] = []
        self._numbers = 0

    async def __aenter__(self) -> "House":
        await self.log.start()
        await self.log.admin().create([ORDER_COMMANDS, ORDER_EVENTS])
        return self

    async def __aexit__(self, *error: object) -> None:
        for process in self.processes:
            if process.lives:
                process.process.kill()
        await asyncio.gather(*self._listening)
        await self.log.close()
        client = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await client.start()
        await client.delete_topics([self.prefix + topic for topic in (ORDER_COMMANDS, ORDER_EVENTS)])
        await client.close()
        store = connect(self.store_url, self.database)
        await store.client.drop_database(self.database)
        store.close()

    async def start(self) -> Process:
        name = f"p{len(self.processes)}"
        errors = self.folder / f"{name}.err"
        with errors.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable, HERE.with_name("process.py"), name, self.broker, self.prefix, self.store_url, self.database,
                stdout=asyncio.subprocess.PIPE, stderr=sink, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        made = Process(name, process, errors)
        self.processes.append(made)
        self._listening.append(asyncio.create_task(made.listen()))
        return made

    async def until(self, what: str, reached: Callable[[], bool | Awaitable[bool]], seconds: float = 60.0) -> float:
        """How long it took."""
        begin = time.monotonic()
        while True:
            answer = reached()
            if answer if isinstance(answer, bool) else await answer:
                return time.monotonic() - begin
            assert time.monotonic() < begin + seconds, f"not within {seconds:g} s: {what}; {self._complaints()}"
            await asyncio.sleep(0.05)

    def all_owned(self) -> bool:
        """Every partition is owned by exactly one process that is not paused."""
        owned = Counter(partition for p in self.processes if p.lives and not p.paused for partition in p.owns)
        return sorted(owned) == list(PARTITIONS) and set(owned.values()) == {1}

    async def load(self, stop: asyncio.Event, chosen: random.Random, seconds: float = 0.02) -> None:
        """Ask without a pause until told to stop; each command adds 1 to an account."""
        while not stop.is_set():
            asks = [self._next(chosen) for _ in range(chosen.randrange(1, 20))]
            await self.log.append_many(ORDER_COMMANDS, [message_of(ask) for ask in asks])
            self.asked.update(ask.account for ask in asks)
            await asyncio.sleep(seconds)

    def _next(self, chosen: random.Random) -> Ask:
        self._numbers += 1
        return Ask(f"c{self._numbers}", f"a{chosen.randrange(ACCOUNTS)}", "add", 1)

    async def until_all_decided(self) -> None:
        """Wait until there is a valid record for every command."""

        async def decided() -> bool:
            return len((await self.read()).events) >= self._numbers

        await self.until("every command has its record", decided)

    async def read(self) -> Found:
        commands = sum(bounds.next for bounds in (await self.log.bounds(ORDER_COMMANDS)).values())
        bounds = await self.log.bounds(ORDER_EVENTS)
        records = [await self._records(partition, bounds[partition].next) for partition in PARTITIONS]
        claims: dict[int, list[Record]] = defaultdict(list)
        for partition in PARTITIONS:
            claims[partition] = [record for record in records[partition] if is_claim(record.headers)]
        return Found(commands, records, [list(ValidRecords().take(each)) for each in records], claims)

    async def _records(self, partition: int, end: int) -> list[Record]:
        return [record async for batch in self.log.read(ORDER_EVENTS, partition, 0, end) for record in batch]

    async def stop_all(self) -> None:
        """SIGTERM to whoever lives; each must leave in order."""
        living = [process for process in self.processes if process.lives]
        await self.until("all have started", lambda: all(process.said for process in living))
        for process in living:
            process.process.send_signal(signal.SIGTERM)
        for process in living:
            code = await asyncio.wait_for(process.process.wait(), 30)
            assert code == 0, f"{process.name} ended with {code}: {process.errors.read_text()[-3_000:]}"

    def _complaints(self) -> str:
        return "\n".join(f"{p.name} {p.owns}: {p.errors.read_text()[-1_500:]}" for p in self.processes)


def check(house: House, found: Found) -> None:
    """Every command has exactly one record that counts, and the fold of those is what was asked."""
    assert found.commands == sum(house.asked.values())
    assert Counter(event.id for event in found.events) == Counter({f"c{n + 1}": 1 for n in range(found.commands)})
    assert {event.effect for event in found.events} == {"applied"}
    for partition in PARTITIONS:
        causes = [happened(record).cause for record in found.valid[partition]]
        assert causes == list(range(len(causes))), f"partition {partition}"
    totals: dict[str, int] = {}
    for event in found.events:
        assert event.seq == event.total == totals.get(event.account, 0) + 1
        totals[event.account] = event.total
    assert totals == dict(house.asked)


def check_claims(house: House, found: Found) -> None:
    """Nobody claims but when the group gave him the partition, or said that it is still his."""
    for process in house.processes:
        for partition in PARTITIONS:
            claims = found.claims_of(process.name, partition)
            allowed = process.count("assigned", partition) + process.count("asked", partition, mine=True)
            assert len(claims) <= allowed, f"{process.name} claimed {partition} {len(claims)} times: {process.said}"


def longest_pause(found: Found) -> float:
    """Seconds between two valid records of a partition, at most."""
    pauses = [
        later.timestamp - earlier.timestamp for records in found.valid for earlier, later in itertools.pairwise(records)
    ]
    return max(pauses, default=0) / 1_000
