"""Faust's consumer on the loop of its process: no thread, errors of its start, calls that outlive who made them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streams.app.same_loop import SameLoop
from tests.unit.faust_app.scripted_broker import Bench


class Unconnected(SameLoop):
    """Connects to nothing; fetches last until they are cancelled."""

    refusal: Exception | None = None
    fetches_ended = 0

    async def on_start(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def _fetch_records(self, *_: Any, **__: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            self.fetches_ended += 1


@pytest.fixture
async def consumer() -> Unconnected:
    bench = Bench(listener=None)
    return Unconnected(bench.consumer, beacon=bench.consumer.beacon)


@pytest.fixture
async def started(consumer: Unconnected) -> AsyncIterator[Unconnected]:
    await consumer.start()
    yield consumer
    await consumer.stop()


async def test_it_starts_no_thread_and_ends(consumer: Unconnected) -> None:
    before = threading.active_count()
    await consumer.start()
    assert threading.active_count() == before
    await consumer.stop()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "faust consumer"]


async def test_what_connecting_raises_leaves_its_start(consumer: Unconnected, capsys: Any) -> None:
    consumer.refusal = ConnectionError("no broker")
    with pytest.raises(ConnectionError, match="no broker"):
        await consumer.start()
    assert "no broker" in capsys.readouterr().err


async def test_calls_are_made_on_this_loop(started: Unconnected) -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    assert await started.call_thread(double, 4) == 8
    assert await started.call_thread(max, 3, 5) == 5


async def test_a_call_goes_on_when_its_caller_is_cancelled(started: Unconnected) -> None:
    begun, finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def commit() -> None:
        begun.set()
        await finish.wait()
        finished.set()

    calling = asyncio.create_task(started.call_thread(commit))
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    finish.set()
    await finished.wait()


async def test_a_fetch_ends_with_its_caller(started: Unconnected) -> None:
    fetching = asyncio.create_task(started.call_thread(started._fetch_records))
    await asyncio.sleep(0)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert started.fetches_ended == 1
