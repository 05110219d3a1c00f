"""Work that follows answers: later, bounded, never lost silently."""

import asyncio
import logging
from functools import partial

import pytest

from gateway.identity.people.afterwards import MOST_WAITING, Afterwards


async def note(done: list[int], number: int) -> None:
    done.append(number)


async def fail() -> None:
    raise ValueError("on purpose")


async def test_work_begins_after_the_caller_went_on() -> None:
    done: list[int] = []
    afterwards = Afterwards(delay_seconds=0.001)
    await afterwards.run(partial(note, done, 1))
    await asyncio.sleep(0)
    assert done == []
    await afterwards.drain()
    assert done == [1]


async def test_what_fails_is_logged_and_hinders_nothing(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    afterwards = Afterwards(delay_seconds=0)
    with caplog.at_level(logging.ERROR):
        await afterwards.run(fail)
        await afterwards.run(partial(note, done, 1))
        await afterwards.drain()
    assert done == [1]
    assert [record.message for record in caplog.records] == ["work after an answer failed"]


async def test_a_full_side_makes_the_caller_wait_for_its_own() -> None:
    done: list[int] = []
    afterwards = Afterwards(delay_seconds=0.001)
    for number in range(MOST_WAITING):
        await afterwards.run(partial(note, done, number))
    await afterwards.run(partial(note, done, -1))
    assert done == [-1]
    await afterwards.drain()
    assert sorted(done) == [-1, *range(MOST_WAITING)]
