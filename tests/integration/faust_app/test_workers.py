"""Workers as processes over a real Kafka: shared, killed, stopped and raising; nothing missing, no commit ahead."""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from storage.log.kafka import KafkaLog
from storage.log.port import Message
from storage.topics import TRADES, Topics

pytestmark = [pytest.mark.kafka, pytest.mark.quiet, pytest.mark.timeout(180)]
HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
PARTITIONS = {TRADES: 4}


class Group:
    """The log, the workers of one group, and the file that holds their effects."""

    def __init__(self, broker: str, folder: Path) -> None:
        self.broker = broker
        self.prefix = f"faust-{uuid.uuid4().hex[:8]}-"
        self.effects = folder / "effects"
        self.effects.touch()
        self.log = KafkaLog(broker, Topics(PARTITIONS, prefix=self.prefix))
        self.workers: list[asyncio.subprocess.Process] = []

    async def start(self, **options: float) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            sys.executable, HERE.with_name("counting_worker.py"), self.broker, self.prefix, self.effects, json.dumps(options),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    async def produce(self, count: int) -> None:
        messages = [Message(str(number).encode(), b"x" * 100) for number in range(count)]
        await self.log.append_many(TRADES, messages)

    def seen(self) -> dict[int, set[int]]:
        offsets: dict[int, set[int]] = {partition: set() for partition in range(4)}
        for line in self.effects.read_text().splitlines():
            partition, first, last, count = map(int, line.split())
            assert count == last - first + 1
            offsets[partition].update(range(first, last + 1))
        return offsets

    async def assert_no_commit_ahead(self) -> None:
        """Everything below a committed offset has taken effect (the offsets are read first)."""
        committed = await self.log.committed("counting", TRADES)
        seen = self.seen()
        for partition, offset in committed.items():
            assert set(range(offset)) <= seen[partition], f"committed {offset} of {partition}"

    async def until(self, reached: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not reached():
            await self.assert_no_commit_ahead()
            assert time.monotonic() < end, f"not within {seconds} s: {[len(s) for s in self.seen().values()]}"
            await asyncio.sleep(0.1)

    async def until_all(self) -> None:
        bounds = await self.log.bounds(TRADES)
        whole = {partition: set(range(bound.next)) for partition, bound in bounds.items()}
        await self.until(lambda: self.seen() == whole)

    def total(self) -> int:
        return sum(len(offsets) for offsets in self.seen().values())


async def assignment(worker: asyncio.subprocess.Process) -> str:
    """Wait until the worker has been given a partition."""
    assert worker.stdout
    while not (line := await asyncio.wait_for(worker.stdout.readline(), 30)).startswith(b"assigned"):
        assert line, "the worker has ended"
    return line.decode()


async def stopped(worker: asyncio.subprocess.Process, how: int) -> tuple[int, str, str]:
    worker.send_signal(how)
    return await ended(worker)


async def ended(worker: asyncio.subprocess.Process) -> tuple[int, str, str]:
    out, errors = await asyncio.wait_for(worker.communicate(), 30)
    return worker.returncode or 0, out.decode(), errors.decode()


@pytest.fixture
async def group(kafka_address: str, tmp_path: Path) -> AsyncIterator[Group]:
    made = Group(kafka_address, tmp_path)
    await made.log.start()
    await made.log.admin().create([TRADES])
    yield made
    for worker in made.workers:
        if worker.returncode is None:
            worker.kill()
            await worker.communicate()
    await made.log.close()


async def test_what_a_stopped_worker_took_is_flushed_and_committed_to_the_last_record(group: Group) -> None:
    worker = await group.start(flush=60.0)
    await group.produce(1_000)
    await assignment(worker)
    await asyncio.sleep(4)  # the records are folded; the flush interval is longer
    code, out, errors = await stopped(worker, signal.SIGTERM)
    assert (code, "Traceback" in errors) == (0, False), errors
    assert "revoked 3" in out
    assert group.total() == 1_000
    ends = {partition: bound.next for partition, bound in (await group.log.bounds(TRADES)).items()}
    assert await group.log.committed("counting", TRADES) == ends


async def test_the_partitions_of_a_killed_worker_go_to_the_other(group: Group) -> None:
    await group.produce(40_000)
    first, second = await group.start(slow=0.05), await group.start(slow=0.05)
    await assignment(first)
    await assignment(second)
    await group.until(lambda: group.total() > 10_000)
    first.kill()
    await group.until(lambda: group.total() > 20_000)
    await group.produce(4_000)
    await group.until_all()
    code, _, errors = await stopped(second, signal.SIGTERM)
    assert code == 0, errors
    await group.assert_no_commit_ahead()


async def test_a_worker_that_was_paused_past_its_session_gives_way_and_joins_again(group: Group) -> None:
    await group.produce(30_000)
    paused, going_on = await group.start(slow=0.05), await group.start(slow=0.05)
    await assignment(paused)
    await assignment(going_on)
    await group.until(lambda: group.total() > 8_000)
    paused.send_signal(signal.SIGSTOP)
    before = group.total()
    await group.until(lambda: group.total() > before + 8_000)
    await asyncio.sleep(3)  # the session is 2 s
    paused.send_signal(signal.SIGCONT)
    await group.produce(4_000)
    await group.until_all()
    for worker in (paused, going_on):
        code, _, errors = await stopped(worker, signal.SIGTERM)
        assert code == 0, errors
    await group.assert_no_commit_ahead()


async def test_workers_that_come_and_go_lose_nothing(group: Group) -> None:
    await group.produce(24_000)
    leaving = await group.start(slow=0.05)
    await group.until(lambda: group.total() > 2_000)
    staying = await group.start(slow=0.05)
    await assignment(staying)
    await group.until(lambda: group.total() > 12_000)
    code, _, errors = await stopped(leaving, signal.SIGTERM)
    assert code == 0, errors
    await group.until_all()
    code, _, errors = await stopped(staying, signal.SIGTERM)
    assert code == 0, errors


async def test_a_fold_that_raises_ends_its_process_with_1_and_nothing_is_lost(group: Group) -> None:
    await group.produce(8_000)
    worker = await group.start(raise_at=1_500, slow=0.005)
    code, _, errors = await ended(worker)
    assert code == 1
    assert errors.splitlines()[-1] == "WorkerFailed: group counting: ValueError: offset 1500 cannot be folded"
    await group.assert_no_commit_ahead()
    assert group.total() < 8_000
    await group.start()
    await group.until_all()


async def test_a_missing_topic_is_refused_in_one_line(kafka_address: str, tmp_path: Path) -> None:
    group = Group(kafka_address, tmp_path)
    code, _, errors = await ended(await group.start())
    assert code == 1
    last = errors.splitlines()[-1]
    assert last == f"LogUnavailable: {kafka_address} has no topic trades: run `omniaxs topics apply`"
