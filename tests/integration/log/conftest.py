"""The two adapters as one fixture: each test gets a log of its own (on Kafka, topics under a random prefix)."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Log, Message, Record, Tail
from storage.log.shared_tails import SharedTails
from storage.log.topics_admin import apply_topics
from storage.topics import DEFAULT_TOPICS, Topics

PARTITIONS = {spec.name: 4 if spec.partitions > 1 else 1 for spec in DEFAULT_TOPICS}


class Identities:
    """Log identities in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    async def get_all(self) -> dict[str, str]:
        return dict(self.held)

    async def put_if_absent(self, topic: str, log_id: str) -> str:
        return self.held.setdefault(topic, log_id)

    async def replace(self, topic: str, log_id: str) -> None:
        self.held[topic] = log_id


class Platform:
    """A log with its topics, and short words for what the tests do again and again."""

    def __init__(self, log: Log, topics: Topics, identities: Identities, address: str | None) -> None:
        self.log, self.topics, self.identities, self.address = log, topics, identities, address

    def keys_of(self, topic: str, partition: int, count: int) -> list[bytes]:
        """Keys that stand in the given partition."""
        names = (b"SYMBOL%d.TEST" % number for number in range(10_000))
        return [key for key in names if self.topics.partition(topic, key) == partition][:count]

    async def collect(self, topic: str, start: Mapping[int, int], count: int) -> list[Record]:
        """What a new tail delivers until it has delivered `count` records."""
        async with self.log.tail(topic, start) as tail:
            return await self.take(tail, count)

    async def take(self, tail: Tail, count: int) -> list[Record]:
        """The next batches of an open tail, at least `count` records."""
        found: list[Record] = []
        while len(found) < count:
            found += await tail.batch()
        return found

    async def read(self, topic: str, partition: int, start: int, stop: int) -> list[Record]:
        """All of a range."""
        batches: list[Sequence[Record]] = [batch async for batch in self.log.read(topic, partition, start, stop)]
        return [record for batch in batches for record in batch]

    async def forget_some(self, topic: str, key: bytes) -> None:
        """Make the five oldest records (or more) of the key's partition go away; the port has no word for that."""
        if self.address is None:
            await self.log.append_many(
                topic, [Message(key, b"filler")] * (2 * (self.topics[topic].memory_records or 0))
            )
            return
        partition = self.topics.partition(topic, key)
        client = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await client.start()
        try:
            await client.delete_records(
                {TopicPartition(self.topics.on_broker(topic), partition): RecordsToDelete(before_offset=5)}
            )
        finally:
            await client.close()


@pytest.fixture(
    params=[
        "memory",
        "memory, shared",
        pytest.param("kafka", marks=pytest.mark.kafka),
        pytest.param("kafka, shared", marks=pytest.mark.kafka),
    ]
)
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[Platform]:
    """A started log whose topics are made (four partitions, or one); also with tails that share readers."""
    if request.param.startswith("memory"):
        topics, address = Topics(PARTITIONS), None
        log: Log = MemoryLog(topics)
    else:
        address = request.getfixturevalue("kafka_address")
        topics = Topics(PARTITIONS, prefix=f"test-{secrets.token_hex(4)}-")
        log = KafkaLog(address, topics)
    if request.param.endswith("shared"):
        log = SharedTails(log, topics, [spec.name for spec in topics])
    await log.start()
    identities = Identities()
    await apply_topics(log, topics, identities)
    yield Platform(log, topics, identities, address)
    await log.close()
    if address is not None:
        client = AIOKafkaAdminClient(bootstrap_servers=address)
        await client.start()
        await client.delete_topics([topics.on_broker(spec.name) for spec in topics])
        await client.close()


@pytest.fixture
def fresh_identities() -> Identities:
    """A store of log identities with nothing in it."""
    return Identities()
