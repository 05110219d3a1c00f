"""kill -9 of the broker in the middle of appends: every acknowledged record stands on the log once and in order."""

import asyncio
import secrets
from collections import defaultdict

import pytest

from ops.bench.ports import port_block
from storage.log.kafka import KafkaLog
from storage.log.port import Message
from storage.log.topics_admin import apply_topics
from storage.topics import PLATFORM_EVENTS, TRADES, Topics
from tests.faults.own_services import Service
from tests.faults.report import reported

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(110)]
PARTITIONS = 4


class Identities:
    """Log identities that nobody asks for."""

    async def get_all(self):
        return {}

    async def put_if_absent(self, topic, log_id):
        return log_id

    async def replace(self, topic, log_id):
        return None


class Load:
    """Writers that number their records, a tail over all of them, and what the log has acknowledged."""

    def __init__(self, log: KafkaLog) -> None:
        self.log = log
        self.acknowledged: dict[int, dict[int, bytes]] = defaultdict(dict)
        self.tailed: dict[int, list] = defaultdict(list)
        self.enough = asyncio.Event()

    @property
    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    async def append_singly(self, name: str) -> int:
        number = 0
        while not self.enough.is_set():
            value = b"%s-%d" % (name.encode(), number)
            self._note(await self.log.append(TRADES, Message(name.encode(), value)), value)
            number += 1
        return number

    async def append_batches(self, name: str) -> int:
        number = 0
        while not self.enough.is_set():
            values = [b"%s-%d" % (name.encode(), number + step) for step in range(200)]
            positions = await self.log.append_many(TRADES, [Message(name.encode(), value) for value in values])
            for position, value in zip(positions, values, strict=True):
                self._note(position, value)
            number += len(values)
            await asyncio.sleep(0.005)
        return number

    async def tail_everything(self) -> None:
        async with self.log.tail(TRADES, dict.fromkeys(range(PARTITIONS), 0)) as tail:
            while True:
                batch = await tail.batch()
                self.tailed[batch[0].partition] += batch

    def _note(self, position, value) -> None:
        assert self.acknowledged[position.partition].setdefault(position.offset, value) is value

    async def until(self, reached) -> None:
        async with asyncio.timeout(30):
            while not reached():  # noqa: ASYNC110  (happens on the broker)
                await asyncio.sleep(0.05)


@pytest.fixture
async def broker(shared_data, tmp_path, kafka_address):
    """Stopped at the end. Asks for `kafka_address` only so that it runs where the others with a real Kafka do."""
    own = Service("kafka", shared_data.parent / "services", tmp_path / "kafka", port_block(2))
    yield own
    await own.do("wipe")


async def test_acknowledged_appends_survive_a_killed_broker_once_and_in_order(broker):
    load = Load(await _started_log(await broker.start()))
    tailing = asyncio.create_task(load.tail_everything())
    writers = [asyncio.create_task(load.append_singly(f"single{writer}")) for writer in range(4)]
    writers += [asyncio.create_task(load.append_batches(f"batch{writer}")) for writer in range(3)]
    with reported("log and broker", 0) as found:
        for _ in range(2):
            before = load.count
            await load.until(lambda: load.count > before + 5_000)  # noqa: B023
            found.add("SIGKILL kafka")
            await broker.kill()
            before = load.count
            await broker.start()
            await load.until(lambda: load.count > before + 5_000)  # noqa: B023
        await _check_all(load, writers, tailing)


async def _check_all(load, writers, tailing):
    load.enough.set()
    counts = await asyncio.gather(*writers)

    bounds = await load.log.bounds(TRADES)
    assert sum(counts) == load.count == sum(bound.next for bound in bounds.values())
    await load.until(lambda: all(len(load.tailed[partition]) >= bound.next for partition, bound in bounds.items()))
    tailing.cancel()
    for partition, bound in bounds.items():
        _check(load.tailed[partition], load.acknowledged[partition], bound.next)
    await load.log.close()


async def test_an_append_while_the_broker_is_gone_is_unknown_in_time_and_closing_does_not_hang(broker):
    log = await _started_log(await broker.start(), append_seconds=5.0)
    await log.append(PLATFORM_EVENTS, Message(b"a", b"before"))
    await broker.do("kill9")

    results = await asyncio.gather(
        log.append(PLATFORM_EVENTS, Message(b"a", b"1")),
        log.append_many(PLATFORM_EVENTS, [Message(b"a", b"2")]),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == ["AppendUnknown", "AppendUnknown"]
    async with asyncio.timeout(15):
        await log.close()


async def _started_log(address: str, **settings) -> KafkaLog:
    topics = Topics({TRADES: PARTITIONS}, prefix=f"test-{secrets.token_hex(4)}-")
    log = KafkaLog(address, topics, **settings)
    await apply_topics(log, topics, Identities())
    await log.start()
    return log


def _check(tailed: list, acknowledged: dict[int, bytes], end: int) -> None:
    """Each offset once, with the value that was acknowledged there, and each writer's numbers without hole or repeat."""
    assert [record.offset for record in tailed] == list(range(end))
    assert [record.value for record in tailed] == [acknowledged[offset] for offset in range(end)]
    last: dict[bytes, int] = defaultdict(lambda: -1)
    for record in tailed:
        assert int(record.value.rpartition(b"-")[2]) == last[record.key] + 1
        last[record.key] += 1
