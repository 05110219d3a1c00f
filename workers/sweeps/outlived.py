"""Sweeps that drop what nobody asks for any more, each after the time that its documents are worth keeping."""

from collections.abc import Awaitable, Callable
from typing import Final

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from workers.sweeps.sweeping import Sweep

EVERY_SECONDS: Final = 600.0
DAY_SECONDS: Final = 86_400
CHALLENGES_SECONDS: Final = 7 * DAY_SECONDS
SESSIONS_SECONDS: Final = 30 * DAY_SECONDS
NOTICES_SECONDS: Final = 90 * DAY_SECONDS
DropBefore = Callable[[int], Awaitable[int]]


def dropping(name: str, drop_before: DropBefore, kept_seconds: int, clock: Clock) -> Sweep:
    """A sweep that drops what is older than `kept_seconds` by `drop_before(ns)`, every ten minutes."""

    async def sweep() -> int:
        return await drop_before(clock.now() - kept_seconds * NANOSECONDS_PER_SECOND)

    return Sweep(name, EVERY_SECONDS, sweep)
