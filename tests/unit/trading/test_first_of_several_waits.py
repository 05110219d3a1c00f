"""A repeated amend waits for the log and for the read models: one that fails does not speak for the other."""

import asyncio

import pytest

from gateway.trading.amend import first_of
from storage.decisions.watch import DecisionsLost
from storage.models.order_events import FirstAnswer
from storage.mongo.failures import StoreUnavailable

ANSWER = FirstAnswer(seq=7, ts="2024-08-08T14:30:00Z", kind="OrderAmended")


async def test_the_store_fails_first_and_the_log_answers() -> None:
    heard: asyncio.Future[FirstAnswer] = asyncio.get_running_loop().create_future()
    kept: asyncio.Future[FirstAnswer] = asyncio.get_running_loop().create_future()
    first = asyncio.create_task(first_of([heard, kept]))
    kept.set_exception(StoreUnavailable("the store is away"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not first.done()
    heard.set_result(ANSWER)
    assert await first == ANSWER


async def test_where_both_fail_the_failure_is_told() -> None:
    heard: asyncio.Future[FirstAnswer] = asyncio.get_running_loop().create_future()
    kept: asyncio.Future[FirstAnswer] = asyncio.get_running_loop().create_future()
    kept.set_exception(StoreUnavailable("the store is away"))
    heard.set_exception(DecisionsLost("the log has moved on"))
    with pytest.raises((StoreUnavailable, DecisionsLost)):
        await first_of([heard, kept])


async def test_who_has_its_answer_leaves_nobody_waiting() -> None:
    heard: asyncio.Future[FirstAnswer] = asyncio.get_running_loop().create_future()
    kept: asyncio.Future[FirstAnswer] = asyncio.get_running_loop().create_future()
    heard.set_result(ANSWER)
    assert await first_of([heard, kept]) == ANSWER
    assert kept.cancelled()
