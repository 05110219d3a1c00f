"""What only the Kafka log does: it says in one line what it cannot reach, and replaces a producer that is spoiled."""

import asyncio
import secrets
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from storage.log.kafka import KafkaLog
from storage.log.port import AppendUnknown, LogUnavailable, Message, Position
from storage.topics import PLATFORM_EVENTS, TRADES, Topics


@pytest.fixture
async def silent_port():
    """A port that takes connections and never answers."""

    async def listen(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def _refused_port() -> int:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_no_broker_is_one_readable_line_at_once():
    address = f"127.0.0.1:{await _refused_port()}"
    log = KafkaLog(address, Topics())
    begun = time.monotonic()
    with pytest.raises(LogUnavailable) as caught:
        await log.start()
    assert time.monotonic() - begun < 2
    assert str(caught.value).startswith(f"no Kafka broker answers at {address} (")
    assert "\n" not in str(caught.value)
    with pytest.raises(LogUnavailable, match="is not open"):
        await log.append(TRADES, Message(b"a", b"b"))
    with pytest.raises(LogUnavailable, match="no Kafka broker answers"):
        await log.admin().existing()


@pytest.mark.kafka  # needs none, but ten seconds are too long for the tests of a laptop
async def test_a_port_that_does_not_answer_is_given_up_after_ten_seconds(silent_port, kafka_address):
    begun = time.monotonic()
    with pytest.raises(LogUnavailable, match="TimeoutError"):
        await KafkaLog(f"127.0.0.1:{silent_port}", Topics()).start()
    assert 8 < time.monotonic() - begun < 12


@pytest.mark.kafka
async def test_an_append_that_fails_for_good_is_unknown_and_the_next_one_goes_through(kafka_address):
    """The broker takes less than the topics say, so it refuses a batch after the producer has numbered it."""
    topics = Topics(prefix=f"test-{secrets.token_hex(4)}-")
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await client.start()
    name = topics.on_broker(PLATFORM_EVENTS)
    await client.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "2000"})])
    log = KafkaLog(kafka_address, topics)
    await log.start()
    too_large = Message(b"a", secrets.token_bytes(5_000))
    try:
        for first in (0, 2):
            assert await log.append(PLATFORM_EVENTS, Message(b"a", b"1")) == Position(0, first)
            with pytest.raises(
                AppendUnknown, match=f"append to {name}-0 at {kafka_address} failed: MessageSizeTooLarge"
            ):
                await log.append(PLATFORM_EVENTS, too_large)
            assert await log.append_many(PLATFORM_EVENTS, [Message(b"a", b"1")]) == [Position(0, first + 1)]
            with pytest.raises(AppendUnknown):
                await log.append_many(PLATFORM_EVENTS, [too_large] * 3)
        values = [record.value async for batch in log.read(PLATFORM_EVENTS, 0, 0, 9) for record in batch]
        assert values == [b"1"] * 4
    finally:
        await log.close()
        await client.delete_topics([name])
        await client.close()


@pytest.mark.kafka
async def test_an_append_to_a_topic_that_is_not_there_is_unknown_after_its_time(kafka_address):
    log = KafkaLog(kafka_address, Topics(prefix=f"test-{secrets.token_hex(4)}-"), append_seconds=0.5)
    await log.start()
    try:
        with pytest.raises(AppendUnknown, match=r"append to trades at .* was not acknowledged within 0.5 s"):
            await log.append(TRADES, Message(b"a", b"1"))
        with pytest.raises(AppendUnknown, match=r"append to trades at"):
            await log.append_many(TRADES, [Message(b"a", b"1")])
    finally:
        await log.close()
