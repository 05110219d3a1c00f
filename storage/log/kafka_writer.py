"""The Kafka log's writer for one partition: one idempotent producer, one batch under way, the rest goes together next.

aiokafka numbers a batch only when it sends it, so of two that wait the first may fail for want of a leader and the second
still go out. Therefore the producer never has more than one of ours, and the first failure ends the writer for good.
What waits here is bounded by whoever appends: an owner stops deciding at `OwnerOptions.in_flight` unacknowledged records
(2,000, and one more decision of at most 100), a claim is one record.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from storage.log.kafka_clients import Compression, producer, start
from storage.log.kafka_producer import acknowledged_offset, discard, fill_batch
from storage.log.port import AppendUnknown, Message
from storage.log.requests import check_size
from storage.topics import TopicSpec

logger = logging.getLogger(__name__)


class _Append(NamedTuple):
    messages: Sequence[Message]
    done: "asyncio.Future[list[int]]"


class KafkaWriter:
    """See `storage.log.port.PartitionWriter`. Made and started by `KafkaLog.writer`.

    Whatever ends it, also what nobody expected of the client library, makes every waiting append `AppendUnknown`.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        compression: Compression,
        spec: TopicSpec,
        name_on_broker: str,
        partition: int,
        append_seconds: float,
        make: Callable[[str, Compression], AIOKafkaProducer] = producer,
    ) -> None:
        self._bootstrap, self._compression, self._make = bootstrap, compression, make
        self._spec, self._name, self._partition = spec, name_on_broker, partition
        self._append_seconds = append_seconds
        self._waiting: deque[_Append] = deque()
        self._wake_up = asyncio.Event()
        self._failure: str | None = None
        self._producer: AIOKafkaProducer | None = None
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable`."""
        fresh = self._make(self._bootstrap, self._compression)
        await start(fresh, self._bootstrap)
        self._producer = fresh
        self._pump = asyncio.create_task(self._run(fresh), name=f"writer of {self._spec.name}-{self._partition}")
        self._pump.add_done_callback(self._ended)

    def append(self, messages: Sequence[Message]) -> Awaitable[list[int]]:
        """See `PartitionWriter.append`."""
        for message in messages:
            check_size(self._spec, message)
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            _refuse(done, self._failure)
        elif not messages:
            done.set_result([])
        else:
            self._waiting.append(_Append(messages, done))
            self._wake_up.set()
        return done

    async def close(self) -> None:
        """See `PartitionWriter.close`."""
        self._fail("the writer was closed", [])
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        await self._disconnect()

    async def _run(self, sender: AIOKafkaProducer) -> None:
        while self._failure is None:
            await self._wake_up.wait()
            self._wake_up.clear()
            while self._waiting and self._failure is None:
                await self._send(sender)
        await self._disconnect()

    async def _send(self, sender: AIOKafkaProducer) -> None:
        """Send all that waits and share the offsets out."""
        appends = list(self._waiting)
        self._waiting.clear()
        messages = [message for append in appends for message in append.messages]
        offsets: list[int] = []
        try:
            async with asyncio.timeout(self._append_seconds):
                offsets = await self._batches(sender, messages)
        except (KafkaError, TimeoutError, AppendUnknown) as error:
            self._fail(f"{type(error).__name__}: {error}".replace("\n", " "), appends)
            return
        finally:
            if not offsets:  # it was closed, or something that nobody expected ends it
                self._fail("the writer has ended", appends)
        first = 0
        for append in appends:
            after = first + len(append.messages)
            if not append.done.done():
                append.done.set_result(offsets[first:after])
            first = after

    async def _batches(self, sender: AIOKafkaProducer, messages: list[Message]) -> list[int]:
        offsets: list[int] = []
        while len(offsets) < len(messages):
            batch = sender.create_batch()
            count = fill_batch(batch, messages, len(offsets))
            sent = await (await sender.send_batch(batch, self._name, partition=self._partition))
            first = acknowledged_offset(sent.offset, self._spec.name, self._partition)
            offsets.extend(range(first, first + count))
        return offsets

    def _fail(self, reason: str, under_way: list[_Append]) -> None:
        if self._failure is None:
            self._failure = f"append to {self._spec.name}-{self._partition} at {self._bootstrap} failed: {reason}"
        for append in (*under_way, *self._waiting):
            if not append.done.done():
                _refuse(append.done, self._failure)
        self._waiting.clear()

    def _ended(self, pump: "asyncio.Task[None]") -> None:
        """What nobody expected is told once; nobody waits for an append of this writer any more."""
        self._fail("the writer has ended", [])
        if not pump.cancelled() and (error := pump.exception()) is not None:
            logger.error("%s", self._failure, exc_info=error)

    async def _disconnect(self) -> None:
        if self._producer is not None:
            old, self._producer = self._producer, None
            await discard(old)


def _refuse(done: "asyncio.Future[list[int]]", reason: str) -> None:
    """Whoever has given up on this writer need not look."""
    done.set_exception(AppendUnknown(reason))
    done.exception()
