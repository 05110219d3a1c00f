"""How a process runs: one loop (uvloop where there is one), a stop event that SIGTERM and SIGINT set, tasks that must not die."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

_log = logging.getLogger(__name__)
_LEFT_SECONDS = 3.0
_AGAIN_SECONDS = 10.0
Result = TypeVar("Result")


def run_process(main: Callable[[asyncio.Event], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main` and return what it returns; a signal sets the event that it is given.

    Tasks that it leaves behind are cancelled and waited for, 3 s at most: a library's task that ignores that (the Kafka
    client's, while the broker is away) must not keep a process from ending, as it would under `asyncio.run`.
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_with_signals(main))
    finally:
        loop.run_until_complete(_end_what_is_left())
        asyncio.set_event_loop(None)
        loop.close()


async def _end_what_is_left() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        _, pending = await asyncio.wait(left, timeout=_LEFT_SECONDS)
        for task in pending:
            _log.warning("left behind: the task %s does not end", task.get_name())


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[Result]]) -> Result:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await main(stop)


class Background:
    """Tasks that live as long as the process. The first that raises sets `stop`, and its error leaves `end`."""

    def __init__(self, stop: asyncio.Event, again_seconds: float = _AGAIN_SECONDS) -> None:
        self._stop, self._again_seconds = stop, again_seconds
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` beside the others."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._look)
        self._tasks.append(task)
        return task

    async def end(self) -> None:
        """Cancel what still runs, again each `again_seconds` (a library may take a cancel for something else), and raise
        the first error of any task.
        """
        running = [task for task in reversed(self._tasks) if not task.done()]
        while running:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=self._again_seconds)
            running = [task for task in running if not task.done()]
            for task in running:
                _log.warning("the task %s does not end: cancelled again", task.get_name())
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _look(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._stop.set()
