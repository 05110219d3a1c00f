"""How a process runs: one loop (uvloop where there is one), a stop event that SIGTERM and SIGINT set, tasks that must not die."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

Result = TypeVar("Result")


def run_process(main: Callable[[asyncio.Event], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main` and return what it returns; a signal sets the event that it is given."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_with_signals(main))


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[Result]]) -> Result:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await main(stop)


def settle_memory() -> None:
    """Call once everything is assembled: what stands now is never collected, and young objects are looked at less often.

    A batch of a thousand records makes tens of thousands of objects that die at once; the default thresholds look at
    them again and again (a third of a stream process's CPU, docs/decisions/0028).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class Background:
    """Tasks that live as long as the process. The first that raises sets `stop`, and its error leaves `end`."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` beside the others."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._look)
        self._tasks.append(task)
        return task

    async def end(self) -> None:
        """Cancel what still runs, and raise the first error of any task."""
        for task in reversed(self._tasks):
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _look(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._stop.set()
