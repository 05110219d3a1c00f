"""Clocks are passed in, so that every rule about time can be tested without waiting."""

import time
from typing import Protocol

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND


class Clock(Protocol):
    """What time it is. `now` is wall time in nanoseconds since the epoch; `monotonic` is seconds that never go back."""

    def now(self) -> int: ...
    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()


class ManualClock:
    """A clock that a test moves by hand; `monotonic` moves with `now`."""

    def __init__(self, start: int = 1_700_000_000_000_000_000) -> None:
        self._now = start
        self._elapsed = 0.0

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move both readings on by `seconds` (not negative)."""
        if seconds < 0:
            raise ValueError("a clock that is advanced does not go back")
        self._now += round(seconds * NANOSECONDS_PER_SECOND)
        self._elapsed += seconds


def milliseconds(nanoseconds: int) -> int:
    """Whole milliseconds since the epoch of nanoseconds since the epoch (floor)."""
    return nanoseconds // NANOSECONDS_PER_MILLISECOND
