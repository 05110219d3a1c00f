"""Record batches stand on a real broker compressed as the setting says, whichever of the log's producers brought them."""

import secrets
import struct
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBase

from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings
from storage.log.port import Message
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS

pytestmark = pytest.mark.kafka
CODECS: Final = {
    "none": DefaultRecordBase.CODEC_NONE,
    "lz4": DefaultRecordBase.CODEC_LZ4,
    "zstd": DefaultRecordBase.CODEC_ZSTD,
}
MESSAGE: Final = Message(b"acc_1", b"the same again, " * 100, (("schema", b"test.1"),))
_HEAD: Final = struct.Struct(">qiibIh")
"""A batch's first offset, its length behind that, the leader's epoch, its form (2), its checksum and its attributes."""
_BEFORE_LENGTH_COUNTS: Final = 12
_BYTES: Final = 4 * 1024 * 1024


@pytest.fixture(params=CODECS)
async def platform(request: pytest.FixtureRequest, kafka_address: str) -> AsyncIterator[Platform]:
    """A platform whose setting names the compression, with one partition of order events."""
    settings = Settings(
        _env_file=None,
        log_url=f"kafka://{kafka_address}",
        log_compression=request.param,
        topic_prefix=f"test-{secrets.token_hex(4)}-",
        topic_partitions={ORDER_COMMANDS: 1, ORDER_EVENTS: 1},
    )
    async with opened_platform(settings) as platform:
        await platform.log.admin().create([ORDER_EVENTS])
        yield platform
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await client.start()
    await client.delete_topics([platform.topics.on_broker(ORDER_EVENTS)])
    await client.close()


async def as_stored(address: str, topic: str) -> bytes:
    """The batches of the topic's only partition as the broker has them."""
    client = AIOKafkaClient(bootstrap_servers=address)
    await client.bootstrap()
    try:
        await client.add_topic(topic)
        leader = client.cluster.leader_for_partition(TopicPartition(topic, 0))
        response: Any = await client.send(leader, FetchRequest(1_000, 1, _BYTES, 0, [(topic, [(0, 0, _BYTES)])]))
        [(_, [(_, error, *_, stored)])] = response.topics
        assert error == 0
        return bytes(stored)
    finally:
        await client.close()


def codecs_of(stored: bytes) -> list[int]:
    """The codec of each batch."""
    found, at = [], 0
    while at < len(stored):
        _, length, _, form, _, attributes = _HEAD.unpack_from(stored, at)
        assert form == 2
        found.append(attributes & DefaultRecordBase.CODEC_MASK)
        at += _BEFORE_LENGTH_COUNTS + length
    return found


async def test_every_producer_compresses_as_the_setting_says_and_readers_get_what_was_sent(
    platform: Platform, kafka_address: str
) -> None:
    log = platform.log
    await log.append(ORDER_EVENTS, MESSAGE)
    await log.append_many(ORDER_EVENTS, [MESSAGE] * 3)
    writer = await log.writer(ORDER_EVENTS, 0)
    await writer.append([MESSAGE] * 2)
    await writer.close()

    stored = await as_stored(kafka_address, platform.topics.on_broker(ORDER_EVENTS))
    read = [record async for records in log.read(ORDER_EVENTS, 0, 0, 6) for record in records]

    assert codecs_of(stored) == [CODECS[platform.settings.log_compression]] * 3
    assert (len(stored) < len(MESSAGE.value)) == (platform.settings.log_compression != "none")
    assert [(record.key, record.value, tuple(record.headers)) for record in read] == [MESSAGE] * 6
