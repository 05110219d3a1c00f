"""The synthetic feed through the publisher onto both logs: a run that is published twice stands there once."""

import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from ops.runtime.identifiers import SystemIdentifiers
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Log, Record
from storage.models.market_data import Trade, encode
from storage.reference_data.builtin import load_builtin
from storage.topics import DEFAULT_TOPICS, QUOTES, TRADES, Topics
from streams.feeds.feed_position import position_of
from streams.feeds.port import FeedRecord
from streams.feeds.publisher import FeedPublisher
from streams.feeds.synthetic.venues import SyntheticVenues

PARTITIONS = {spec.name: min(spec.partitions, 3) for spec in DEFAULT_TOPICS}
BEGAN = 1_795_359_600_000_000_000


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    """A log with empty `quotes` and `trades`."""
    if request.param == "memory":
        yield MemoryLog(Topics(PARTITIONS))
        return
    address = request.getfixturevalue("kafka_address")
    topics = Topics(PARTITIONS, prefix=f"test-{secrets.token_hex(4)}-")
    log = KafkaLog(address, topics)
    await log.start()
    await log.admin().create([QUOTES, TRADES])
    yield log
    await log.close()
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    await client.delete_topics([topics.on_broker(name) for name in (QUOTES, TRADES)])
    await client.close()


async def everything(log: Log, topic: str) -> list[Record]:
    found: list[Record] = []
    for partition, (first, following) in (await log.bounds(topic)).items():
        async for batch in log.read(topic, partition, first, following):
            found += batch
    return found


def lines(records: list[Record]) -> list[int]:
    return sorted(position.line for record in records if (position := position_of(record.headers)))


async def test_a_run_that_broke_off_goes_on_where_the_log_ends(log: Log) -> None:
    reference = load_builtin()
    venues = SyntheticVenues(reference, sorted(reference.instruments), 7, BEGAN, rate=300)
    source: list[FeedRecord] = []
    for tick in range(1, 200):
        source += venues.advance(BEGAN + tick * 20_000_000)
    half = len(source) // 2

    first = FeedPublisher(log, SystemIdentifiers(), "run")
    for start in range(0, half, 50):
        await first(source[start : start + 50])
    second = FeedPublisher(log, SystemIdentifiers(), "run")
    resume_after = await second.resume()
    assert resume_after is not None
    assert half - 100 < resume_after <= half
    for start in range(resume_after, len(source), 50):
        await second(source[start : start + 50])

    trades, quotes = await everything(log, TRADES), await everything(log, QUOTES)
    assert sorted(lines(trades) + lines(quotes)) == [record.line for record in source]
    assert lines(trades) == [record.line for record in source if isinstance(record.payload, Trade)]
    made = {record.line: record for record in source}
    for record in trades + quotes:
        position = position_of(record.headers)
        assert position is not None
        assert record.value == encode(made[position.line].payload)
        assert dict(record.headers).get("depth") == made[position.line].depth
    assert second.counts.repeats > 0
