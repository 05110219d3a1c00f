"""Tasks that live as long as a process: they end when it does, or say why not."""

import asyncio

import pytest

from ops.processes.lifetime import Background


async def test_the_first_error_sets_stop_and_leaves_end():
    stop = asyncio.Event()
    background = Background(stop)

    async def fails() -> None:
        raise ValueError("the reason")

    background.start(fails(), "fails")
    background.start(asyncio.Event().wait(), "waits")  # type: ignore[arg-type]
    await asyncio.wait_for(stop.wait(), 10)
    with pytest.raises(ValueError, match="the reason"):
        await background.end()


async def test_a_task_that_misses_a_cancel_is_cancelled_again(caplog):
    background = Background(asyncio.Event(), again_seconds=0.001)
    cancels = []

    async def deaf() -> None:
        while len(cancels) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as cancel:
                cancels.append(cancel)

    background.start(deaf(), "deaf")
    await asyncio.sleep(0)
    await asyncio.wait_for(background.end(), 10)
    assert len(cancels) == 2
    assert "the task deaf does not end: cancelled again" in caplog.text
