"""An event loop whose time is made up: it jumps to the next timer, so that a seed gives the same run every time.

It does what `asyncio.BaseEventLoop` does for tasks, futures and timers, and nothing else: a run is thousands of turns.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from itertools import count
from typing import Any, Final

TURNS: Final = 400_000
ROUNDS: Final = 20


class _Handle:
    """A callback that waits for its turn."""

    __slots__ = ("args", "callback", "context", "is_cancelled")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None) -> None:
        self.callback, self.args, self.is_cancelled = callback, args, False
        self.context = copy_context() if context is None else context

    def cancel(self) -> None:
        """Leave it out."""
        self.is_cancelled = True


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order in which they become ready; knows no sockets."""

    def __init__(self) -> None:
        super().__init__()
        self._elapsed = 0.0
        self._turns = 0
        self._waiting: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._numbers = count()

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._elapsed

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        """See `asyncio.loop.call_soon`."""
        handle = _Handle(callback, args, context)
        self._waiting.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        """See `asyncio.loop.call_later`."""
        return self.call_at(self._elapsed + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        """See `asyncio.loop.call_at`."""
        handle = _Handle(callback, args, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def _run_once(self) -> None:
        """What is ready now; if nothing is, what comes next."""
        waiting, timers = self._waiting, self._timers
        while not waiting:
            if not timers:
                raise RuntimeError("everybody waits, and for nothing")
            when, _, handle = heapq.heappop(timers)
            if not handle.is_cancelled:
                self._elapsed = max(self._elapsed, when)
                waiting.append(handle)
                while timers and timers[0][0] <= when:
                    waiting.append(heapq.heappop(timers)[2])
        for _ in range(len(waiting)):
            handle = waiting.popleft()
            if not handle.is_cancelled:
                self._turns += 1
                self._do(handle)
        if self._turns > TURNS:
            raise RuntimeError(f"no end after {TURNS:,} turns of the event loop")

    def _do(self, handle: _Handle) -> None:
        try:
            handle.context.run(handle.callback, *handle.args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  (as every event loop)
            self.call_exception_handler({"message": f"in {handle.callback}", "exception": error})

    def _process_events(self, event_list: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...


class LoopClock:
    """The time of the running loop, as seconds since `start` (ns)."""

    def __init__(self, start: int = 1_700_000_000_000_000_000) -> None:
        self._start = start

    def now(self) -> int:
        return self._start + round(self.monotonic() * 1_000_000_000)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end and cancel what is left."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(main)
    finally:
        loop._turns = 0
        _cancel(loop)
        loop.close()


def _cancel(loop: VirtualLoop) -> None:
    """End what is left; whoever swallows a cancellation is asked again."""
    for _ in range(ROUNDS):
        left = asyncio.all_tasks(loop)
        if not left:
            return
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left, timeout=1))
    raise RuntimeError(f"these tasks do not end: {asyncio.all_tasks(loop)}")
