"""What an append comes to when the client library fails in ways that no broker shows on demand: it never hangs."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from aiokafka.errors import KafkaTimeoutError

from storage.log.kafka_producer import IdempotentProducer
from storage.log.kafka_writer import KafkaWriter
from storage.log.port import AppendUnknown, LogUnavailable, Message
from storage.topics import ORDER_EVENTS, TRADES, Topics

MESSAGE = Message(b"k", b"v")


class Batch:
    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def append(self, *, timestamp: int | None, key: bytes, value: bytes, headers: list[Any]) -> object:
        self.messages.append(value)
        return object()

    def close(self) -> None: ...


class Nothing:
    """The parts of a client that are closed when it is given up."""

    _batches: ClassVar[dict[Any, Any]] = {}

    async def close(self) -> None: ...
    def fail_all(self, error: Exception) -> None: ...


class Producer:
    """A broker's side in memory: `on_send` may fail or hang; `on_start` and `on_stop` too."""

    def __init__(self, log: list[bytes]) -> None:
        self.log = log
        self.client = self._sender = self._message_accumulator = Nothing()
        self.on_send: Callable[[], object] = lambda: None
        self.on_start: Callable[[], object] = lambda: None
        self.on_stop: Callable[[], object] = lambda: None
        self.stopped = False

    async def start(self) -> None:
        await _done(self.on_start)

    async def stop(self) -> None:
        self.stopped = True
        await _done(self.on_stop)

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        await _done(self.on_send)
        return self._appended(batch.messages)

    async def send(self, topic: str, *, key: bytes, value: bytes, **more: Any) -> "asyncio.Future[Any]":
        await _done(self.on_send)
        return self._appended([value])

    def _appended(self, values: list[bytes]) -> "asyncio.Future[Any]":
        class Sent:
            offset = len(self.log)

        self.log += values
        sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        sent.set_result(Sent())
        return sent


async def _done(act: Callable[[], object]) -> None:
    result = act()
    if asyncio.iscoroutine(result):
        await result


def failing(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


async def hanging() -> None:
    await asyncio.Event().wait()


async def writer_of(producer: Producer, append_seconds: float = 5.0) -> KafkaWriter:
    writer = KafkaWriter(
        "nowhere:1",
        compression="none",
        spec=Topics()[ORDER_EVENTS],
        name_on_broker=ORDER_EVENTS,
        partition=0,
        append_seconds=append_seconds,
        make=lambda *_: producer,  # type: ignore[arg-type,return-value]
    )
    await writer.start()
    return writer


async def outcomes(*appends: Any) -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*appends, return_exceptions=True), 5)


async def test_an_error_that_nobody_expects_fails_every_append_and_ends_the_writer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    producer = Producer([])
    writer = await writer_of(producer)
    assert await writer.append([MESSAGE, MESSAGE]) == [0, 1]
    producer.on_send = failing(AssertionError("a batch was drained twice"))
    begun = [writer.append([MESSAGE]) for _ in range(3)]
    assert [type(outcome) for outcome in await outcomes(*begun)] == [AppendUnknown] * 3
    assert [type(outcome) for outcome in await outcomes(writer.append([MESSAGE]))] == [AppendUnknown]
    await writer.close()
    assert producer.stopped
    assert "a batch was drained twice" in caplog.text
    assert len(producer.log) == 2


async def test_what_comes_while_a_failing_append_is_under_way_fails_with_it() -> None:
    producer, let = Producer([]), asyncio.Event()

    async def late() -> None:
        await let.wait()
        raise KafkaTimeoutError

    producer.on_send = late
    writer = await writer_of(producer)
    first = writer.append([MESSAGE])
    await asyncio.sleep(0)
    second = writer.append([MESSAGE])
    let.set()
    assert [type(outcome) for outcome in await outcomes(first, second)] == [AppendUnknown] * 2
    await writer.close()


async def test_an_append_that_hangs_is_unknown_after_its_time_and_closing_does_not_hang() -> None:
    producer = Producer([])
    producer.on_send = hanging
    writer = await writer_of(producer, append_seconds=0.02)
    [outcome] = await outcomes(writer.append([MESSAGE]))
    assert isinstance(outcome, AppendUnknown)
    await asyncio.wait_for(writer.close(), 5)


async def test_closing_while_an_append_hangs_makes_it_unknown() -> None:
    producer = Producer([])
    producer.on_send = hanging
    writer = await writer_of(producer)
    begun = writer.append([MESSAGE])
    await asyncio.sleep(0)
    await writer.close()
    [outcome] = await outcomes(begun)
    assert isinstance(outcome, AppendUnknown)


class Line:
    """Producers in the order in which they are made; `fit` prepares each."""

    def __init__(self, fit: Callable[[int, Producer], None]) -> None:
        self.log: list[bytes] = []
        self.made: list[Producer] = []
        self._fit = fit
        self.idempotent = IdempotentProducer("nowhere:1", "none", replace_seconds=0.05, make=self._make)  # type: ignore[arg-type]

    def _make(self, *_: object) -> Producer:
        made = Producer(self.log)
        self._fit(len(self.made), made)
        self.made.append(made)
        return made

    async def spoiled(self) -> IdempotentProducer:
        """Its first producer has failed for good."""
        await self.idempotent.start()
        self.made[0].on_send = failing(KafkaTimeoutError())
        with pytest.raises(AppendUnknown):
            await self.idempotent.send(TRADES, 0, MESSAGE)
        return self.idempotent


async def test_a_spoiled_producer_is_replaced_before_the_next_append() -> None:
    line = Line(lambda number, made: None)
    producer = await line.spoiled()
    assert await producer.send_all(TRADES, 0, [MESSAGE, MESSAGE]) == [0, 1]
    assert (len(line.made), line.made[0].stopped) == (2, True)
    await producer.close()


async def test_a_replacement_that_hangs_holds_appends_up_for_a_bounded_time_and_nothing_is_sent() -> None:
    let = asyncio.Event()

    def fit(number: int, made: Producer) -> None:
        if number == 0:
            made.on_stop = let.wait

    line = Line(fit)
    producer = await line.spoiled()
    results = await outcomes(producer.send(TRADES, 0, MESSAGE), producer.send_all(TRADES, 0, [MESSAGE]))
    assert [type(result) for result in results] == [LogUnavailable] * 2
    assert line.log == []
    let.set()
    assert await producer.send(TRADES, 0, MESSAGE) == 0
    await producer.close()


async def test_a_replacement_that_fails_is_begun_again_by_the_next_append(caplog: pytest.LogCaptureFixture) -> None:
    def fit(number: int, made: Producer) -> None:
        if number == 1:
            made.on_start = failing(AssertionError("no such api version"))

    line = Line(fit)
    producer = await line.spoiled()
    with pytest.raises(LogUnavailable, match=r"^nothing was appended at nowhere:1"):
        await producer.send(TRADES, 0, MESSAGE)
    assert "no such api version" in caplog.text
    assert await producer.send(TRADES, 0, MESSAGE) == 0
    await producer.close()


async def test_closing_while_a_replacement_hangs_fails_who_waits_for_it() -> None:
    def fit(number: int, made: Producer) -> None:
        if number == 1:
            made.on_start = hanging

    line = Line(fit)
    producer = await line.spoiled()
    waiting = asyncio.create_task(producer.send(TRADES, 0, MESSAGE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.wait_for(producer.close(), 5)
    [outcome] = await outcomes(waiting)
    assert isinstance(outcome, LogUnavailable)
