"""The producing half of the Kafka log: an idempotent producer that is replaced once its sequence numbers are spoiled.

aiokafka numbers a batch when it sends it and never takes a number back, so after one batch of a partition has failed
for good the broker refuses all that follow (`OutOfOrderSequenceNumber`). Such a producer is flushed and replaced by a
new one, with a new producer id, before the next append goes out.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from storage.log.kafka_clients import Compression, producer, start
from storage.log.port import AppendUnknown, LogUnavailable, Message

CLOSE_SECONDS: Final = 10.0
REPLACE_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 1.0
logger = logging.getLogger(__name__)


class IdempotentProducer:
    """Sends to one partition at a time of any topic; offsets come back in order. Errors are `AppendUnknown`.

    An append waits at most `replace_seconds` for the replacement of a spoiled producer; then nothing of it was sent, and
    it raises `LogUnavailable`. The replacement goes on, and one that failed is begun again by the next append.
    """

    def __init__(
        self,
        bootstrap: str,
        compression: Compression,
        *,
        replace_seconds: float = REPLACE_SECONDS,
        make: Callable[[str, Compression], AIOKafkaProducer] = producer,
    ) -> None:
        self._bootstrap, self._compression = bootstrap, compression
        self._replace_seconds, self._make = replace_seconds, make
        self._producer: AIOKafkaProducer | None = None
        self._spoiled = False
        self._replacement: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable`."""
        fresh = self._make(self._bootstrap, self._compression)
        await start(fresh, self._bootstrap)
        self._producer, self._spoiled = fresh, False

    async def close(self) -> None:
        """Flush for up to `CLOSE_SECONDS`; what is not acknowledged by then fails with `AppendUnknown`."""
        if self._replacement is not None:
            self._replacement.cancel()
            await asyncio.wait([self._replacement])
        if self._producer is not None:
            old, self._producer = self._producer, None
            await _stop(old)

    async def send(self, topic: str, partition: int, message: Message) -> int:
        """Append one message at once; its offset."""
        sender = await self._sound()
        try:
            sent = await sender.send(
                topic, key=message.key, value=message.value, partition=partition, headers=list(message.headers)
            )
            return acknowledged_offset((await sent).offset, topic, partition)
        except KafkaError as error:
            raise self._failed(sender, topic, partition, error) from error

    async def send_all(self, topic: str, partition: int, messages: Sequence[Message]) -> list[int]:
        """Append messages in order, in as few batches as they fit in; their offsets.

        At most one batch is under way and one waits, so memory stays bounded whatever comes in.
        """
        sender = await self._sound()
        sent: list[tuple[asyncio.Future[RecordMetadata], int]] = []
        offsets: list[int] = []
        try:
            done = 0
            while done < len(messages):
                batch = sender.create_batch()
                count = fill_batch(batch, messages, done)
                sent.append((await sender.send_batch(batch, topic, partition=partition), count))
                done += count
            for future, count in sent:
                first = acknowledged_offset((await future).offset, topic, partition)
                offsets.extend(range(first, first + count))
        except KafkaError as error:
            await asyncio.gather(*(future for future, _ in sent), return_exceptions=True)
            raise self._failed(sender, topic, partition, error) from error
        finally:
            for future, _ in sent:
                future.cancel()
        return offsets

    async def _sound(self) -> AIOKafkaProducer:
        while self._spoiled:
            await self._replaced()
        if self._producer is None:
            raise LogUnavailable(f"the log at {self._bootstrap} is not open")
        return self._producer

    async def _replaced(self) -> None:
        """Wait for the one replacement that all appends share. Raises `LogUnavailable`."""
        if self._replacement is None or self._replacement.done():
            self._replacement = asyncio.create_task(self._replace(), name=f"new producer for {self._bootstrap}")
            self._replacement.add_done_callback(self._look)
        replacement = self._replacement
        await asyncio.wait([replacement], timeout=self._replace_seconds)
        if not replacement.done() or replacement.cancelled() or replacement.exception() is not None:
            raise LogUnavailable(
                f"nothing was appended at {self._bootstrap}: no producer has taken the place of one that failed"
            )

    async def _replace(self) -> None:
        """What the old producer still has goes out first, so that nothing newer overtakes it."""
        old, self._producer = self._producer, None
        if old is not None:
            await _stop(old)
        while self._producer is None:
            try:
                await self.start()
            except LogUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)

    def _look(self, replacement: "asyncio.Task[None]") -> None:
        if not replacement.cancelled() and (error := replacement.exception()) is not None:
            logger.error("no new producer for %s: %r", self._bootstrap, error, exc_info=error)

    def _failed(self, sender: AIOKafkaProducer, topic: str, partition: int, error: KafkaError) -> AppendUnknown:
        if sender is self._producer:
            self._spoiled = True
        return AppendUnknown(f"append to {topic}-{partition} at {self._bootstrap} failed: {error!r}")


def fill_batch(batch: BatchBuilder, messages: Sequence[Message], start_at: int) -> int:
    """Put as many messages into the batch as fit (the first one always does); how many."""
    index = start_at
    while index < len(messages):
        key, value, headers = messages[index]
        if batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            break
        index += 1
    batch.close()
    return index - start_at


def acknowledged_offset(offset: int, topic: str, partition: int) -> int:
    """A broker that has forgotten a retried batch acknowledges it without an offset: it is on the log, but where?"""
    if offset < 0:
        raise AppendUnknown(f"append to {topic}-{partition} was acknowledged as a duplicate, without its offset")
    return offset


async def _stop(old: AIOKafkaProducer) -> None:
    """Flush it within `CLOSE_SECONDS`, or give up what it has."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await old.stop()
    except TimeoutError:
        await discard(old)


async def discard(old: AIOKafkaProducer) -> None:
    """Give up what it has and disconnect, within `CLOSE_SECONDS`: its sockets are closed first, so nothing more goes out."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await abandon(old)
            await old.stop()
    except TimeoutError:
        logger.warning("a producer that was given up does not end; it is left behind")


async def abandon(old: AIOKafkaProducer) -> None:
    """An idempotent producer retries for ever and `stop` waits for it; there is no public way to make it give up."""
    accumulator = old._message_accumulator  # noqa: SLF001
    await old.client.close()
    await old._sender.close()  # noqa: SLF001
    accumulator.fail_all(ProducerClosed())
    for batches in accumulator._batches.values():  # noqa: SLF001
        for batch in batches:
            batch._drain_waiter.exception()  # noqa: SLF001  (else asyncio complains that nobody looked at it)
