"""What refers to itself goes by the clock too, however few objects a process makes."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from ops.processes.garbage import freeze_what_stands, look_for_garbage


@pytest.fixture(autouse=True)
def collector_by_hand() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.disable()
    yield
    gc.enable()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@asynccontextmanager
async def looking(old_every: int) -> AsyncIterator[None]:
    task = asyncio.create_task(look_for_garbage(0.001, old_every))
    try:
        yield
    finally:
        task.cancel()


class Connection:
    """Refers to itself through its protocol, as those of servers do."""

    def __init__(self) -> None:
        self.protocol = self


async def test_young_garbage_goes_at_the_next_look() -> None:
    gone = asyncio.Event()
    weakref.finalize(Connection(), gone.set)
    async with looking(old_every=1_000_000):
        await gone.wait()


async def test_what_grew_old_before_it_ended_goes_too() -> None:
    gone = asyncio.Event()
    connection = Connection()
    weakref.finalize(connection, gone.set)
    gc.collect()
    del connection
    gc.collect(1)
    assert not gone.is_set()
    async with looking(old_every=3):
        await gone.wait()


def test_what_stands_is_not_looked_at_again() -> None:
    standing = Connection()
    freeze_what_stands()
    assert not any(each is standing for each in gc.get_objects())
    assert gc.get_threshold()[0] == 50_000
