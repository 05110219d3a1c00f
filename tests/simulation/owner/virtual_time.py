"""An event loop whose time is made up: it jumps to the next timer, so that a seed gives the same run every time."""

import asyncio
from collections.abc import Coroutine
from typing import Any

TURNS = 60_000
ROUNDS = 20


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs tasks in the order in which they become ready; knows no sockets."""

    def __init__(self) -> None:
        super().__init__()
        self._elapsed = 0.0
        self._turns = 0
        self._selector = self
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._elapsed

    def select(self, timeout: float | None) -> list[Any]:
        """What a selector would wait for passes at once."""
        self._turns += 1
        if timeout is None:
            raise RuntimeError("everybody waits, and for nothing")
        if self._turns > TURNS:
            raise RuntimeError(f"no end after {TURNS:,} turns of the event loop")
        self._elapsed += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...


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
