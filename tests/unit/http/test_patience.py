"""Timeouts that share a timer say the same as `asyncio.timeout`: whose time was up, and whose was not."""

import asyncio

import pytest

from gateway.http.patience import TICK_SECONDS, within

SOON = 0.02


async def test_what_takes_too_long_is_ended() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()

    with pytest.raises(TimeoutError), within(SOON):
        await asyncio.sleep(60)

    assert SOON <= loop.time() - started < SOON + 10 * TICK_SECONDS
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(2 * TICK_SECONDS)  # nothing comes after


async def test_what_is_in_time_is_not_and_neither_is_what_comes_after() -> None:
    with within(SOON):
        await asyncio.sleep(0)

    await asyncio.sleep(SOON + 2 * TICK_SECONDS)


async def test_an_error_inside_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), within(SOON):
        raise ValueError("mine")


async def test_a_cancellation_from_outside_stays_one() -> None:
    entered = asyncio.Event()

    async def waits() -> None:
        with within(5):
            entered.set()
            await asyncio.sleep(5)

    task = asyncio.create_task(waits())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_of_two_inside_each_other_the_one_whose_time_was_up_says_so() -> None:
    with pytest.raises(TimeoutError), within(SOON), within(5):
        await asyncio.sleep(5)

    with within(5):
        with pytest.raises(TimeoutError), within(SOON):
            await asyncio.sleep(5)
        await asyncio.sleep(0)


async def test_many_end_each_in_its_time() -> None:
    async def patient(seconds: float) -> str:
        try:
            with within(seconds):
                await asyncio.sleep(0.3)
        except TimeoutError:
            return "late"
        return "done"

    assert await asyncio.gather(*map(patient, [SOON] * 50 + [5] * 50)) == ["late"] * 50 + ["done"] * 50


def test_each_loop_has_its_own() -> None:
    for _ in range(2):
        with pytest.raises(TimeoutError):
            asyncio.run(_too_long())


async def _too_long() -> None:
    with within(SOON):
        await asyncio.sleep(5)


def test_without_a_task_there_is_nothing_to_end() -> None:
    async def outside() -> None:
        failures: list[Exception] = []

        def called() -> None:
            try:
                within(1).__enter__()
            except RuntimeError as error:
                failures.append(error)

        asyncio.get_running_loop().call_soon(called)
        await asyncio.sleep(0.01)
        assert [str(failure) for failure in failures] == ["a timeout needs a task that it can cancel"]

    asyncio.run(outside())
