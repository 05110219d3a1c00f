"""Work that follows an answer and must not change how long it takes: what is known of a person would show in the time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

MOST_WAITING: Final = 1_000
DELAY_SECONDS: Final = 0.1
"""By then the answer has left the process: a task that is ready could otherwise run before the bytes are written."""
Work = Callable[[], Awaitable[object]]
_log = logging.getLogger(__name__)


class Afterwards:
    """Does works on the side, at most `MOST_WAITING`; above that the caller waits for its own. `drain` at the end."""

    def __init__(self, delay_seconds: float = DELAY_SECONDS) -> None:
        self._delay_seconds = delay_seconds
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Work) -> None:
        """Do `work` later. What it raises is logged."""
        if len(self._running) >= MOST_WAITING:
            await work()
            return
        task = asyncio.create_task(self._later(work))
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def drain(self) -> None:
        """Return when nothing is left to do."""
        while self._running:
            await asyncio.wait(self._running)

    async def _later(self, work: Work) -> None:
        await asyncio.sleep(self._delay_seconds)
        await work()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work after an answer failed", exc_info=error)
