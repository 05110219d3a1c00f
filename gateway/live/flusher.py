"""When pending frames go out: at once when idle; under load once a tick, so that frames are joined into one write."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from gateway.live.router import Router

TICK_SECONDS: Final = 0.001
_FRAMES_AT_ONCE: Final = 128
Delays = Callable[[Mapping[str, int]], None]
"""Told after each flush: family -> when the oldest record that went out had been appended, in ms since the epoch."""


class Flusher:
    """A tick is as long as the flush before it took, at most 1 ms: with few clients everything goes out at once, with
    many at most about half of the time goes into writing while more can be joined.
    """

    def __init__(self, router: Router, delays: Delays) -> None:
        self._router, self._delays = router, delays
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.Handle | None = None
        self._oldest: dict[str, int] = {}
        self._next_at = 0.0
        self._unflushed = 0

    def soon(self, family: str, appended_ms: int, frames: int) -> None:
        """Flush at the end of this tick, or now when very many wait. `frames` were published, the first appended then."""
        if not self._router.dirty:
            return
        self._oldest.setdefault(family, appended_ms)
        self._unflushed += frames
        if self._unflushed >= _FRAMES_AT_ONCE:
            self.now()
        elif self._handle is None:
            loop = self._loop = self._loop or asyncio.get_running_loop()
            due = self._next_at - loop.time()
            self._handle = loop.call_soon(self.now) if due <= 0 else loop.call_later(due, self.now)

    def now(self) -> None:
        """Flush."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        loop = self._loop = self._loop or asyncio.get_running_loop()
        started = loop.time()
        self._router.flush()
        self._unflushed = 0
        oldest, self._oldest = self._oldest, {}
        ended = loop.time()
        self._next_at = ended + min(TICK_SECONDS, ended - started)
        self._delays(oldest)
