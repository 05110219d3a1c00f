"""Timeouts for what hardly ever takes long: all those of a loop share one timer, so that one costs a fifth of `asyncio.timeout`.

They come late, by up to `TICK_SECONDS`.
"""

import asyncio
from types import TracebackType
from typing import Final

TICK_SECONDS: Final = 0.1


class _Deadlines:
    """The waits of one loop that have not ended. Its timer runs only while there are any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waits: dict[within, None] = {}  # in the order in which they began, so that a run can be repeated exactly
        self.ticking = False

    def tick_later(self) -> None:
        """Look at the waits in a moment."""
        self.ticking = True
        self.loop.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self.ticking = False
        now = self.loop.time()
        for wait in [wait for wait in self.waits if wait.at <= now]:
            del self.waits[wait]
            wait.expire()
        if self.waits:
            self.tick_later()


class within:  # noqa: N801  (read as `with within(3.0):`, as `asyncio.timeout` is)
    """`with within(seconds):` raises `TimeoutError` where what is awaited inside takes longer, as `asyncio.timeout` does.

    `at` is when, by the loop's clock.
    """

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "at", "seconds")
    _of_the_last_loop: _Deadlines | None = None

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> "within":
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a timeout needs a task that it can cancel")
        deadlines = within._of_the_last_loop
        if deadlines is None or deadlines.loop is not loop:
            deadlines = within._of_the_last_loop = _Deadlines(loop)
        self.at = loop.time() + self.seconds
        self._task, self._deadlines = task, deadlines
        self._cancelling, self._expired = task.cancelling(), False
        deadlines.waits[self] = None
        if not deadlines.ticking:
            deadlines.tick_later()
        return self

    def expire(self) -> None:
        """Called by the timer once `at` has passed."""
        self._expired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._deadlines.waits.pop(self, None)
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
