"""When pending frames go out: once the log's batches are drained, so that frames are joined into one write a client."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from gateway.live.router import Router

TICK_SECONDS: Final = 0.001
_FRAMES_AT_ONCE: Final = 128
Delays = Callable[[Mapping[str, int]], None]
"""Told after each flush: family -> when the oldest record that went out had been appended, in ms since the epoch."""


class Flusher:
    """Flushes when a turn of the event loop has brought nothing more, at the latest after 1 ms or 128 frames.

    After a flush that took long (many clients) it waits as long again, at most 1 ms, so that under load at least half of
    the time is left for what is to be joined into the next one. When idle everything goes out at once.
    """

    def __init__(self, router: Router, delays: Delays) -> None:
        self._router, self._delays = router, delays
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.Handle | None = None
        self._oldest: dict[str, int] = {}
        self._next_at = self._latest_at = 0.0
        self._unflushed = self._seen = 0

    def soon(self, family: str, appended_ms: int, frames: int) -> None:
        """Flush at the end of this tick, or now when very many wait. `frames` were published, the first appended then."""
        if not self._router.dirty:
            return
        self._oldest.setdefault(family, appended_ms)
        self._unflushed += frames
        if self._unflushed >= _FRAMES_AT_ONCE:
            self.now()
        elif self._handle is None:
            self._begin_tick()

    def now(self) -> None:
        """Flush."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        loop = self._loop = self._loop or asyncio.get_running_loop()
        started = loop.time()
        self._router.flush()
        self._unflushed = self._seen = 0
        oldest, self._oldest = self._oldest, {}
        ended = loop.time()
        self._next_at = ended + min(TICK_SECONDS, ended - started)
        self._delays(oldest)

    def _begin_tick(self) -> None:
        loop = self._loop = self._loop or asyncio.get_running_loop()
        began = loop.time()
        self._latest_at = began + TICK_SECONDS
        wait = self._next_at - began
        self._handle = loop.call_soon(self._turn) if wait <= 0 else loop.call_later(wait, self.now)

    def _turn(self) -> None:
        """The loop has turned: flush unless more has come."""
        loop = self._loop
        if loop is None or self._unflushed == self._seen or loop.time() >= self._latest_at:
            self.now()
        else:
            self._seen = self._unflushed
            self._handle = loop.call_soon(self._turn)
