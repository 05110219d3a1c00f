"""When a recorded row is due, and which time it is published with."""

from decimal import Decimal
from typing import Literal

Speed = Decimal | Literal["max"]


def parse_speed(text: str) -> Speed:
    """`max`, or a factor above 0 such as 1, 60 or 0.5. Raises `ValueError`."""
    if text == "max":
        return "max"
    try:
        factor = Decimal(text)
    except ArithmeticError:
        factor = Decimal(0)
    if not factor.is_finite() or not 0 < factor <= 1_000_000:
        raise ValueError(f"speed {text!r} is neither max nor a factor above 0 and up to 1000000, such as 1 or 60")
    return factor


class Pace:
    """One pass, from recorded time `first` (ns), which happens at `began` (ns, wall time).

    A factor of 60 makes an hour pass in a minute. Shifted to now, recorded time runs as fast as the pass does, so that
    what is published never runs ahead of the clock. Waiting goes by the time that has passed, not by the wall clock,
    which may be set.
    """

    def __init__(self, speed: Speed, *, shifted: bool, first: int, began: int) -> None:
        self._paced = speed != "max"
        self._numerator, self._denominator = speed.as_integer_ratio() if isinstance(speed, Decimal) else (1, 1)
        self._shifted, self._first, self._began = shifted, first, began

    def due_in(self, due: int, passed: int) -> int:
        """Nanoseconds until the row of recorded time `due` happens, `passed` after the beginning; 0 or less: now."""
        return self._after_beginning(due) - passed if self._paced else 0

    def published_at(self, ts: int, now: int) -> int:
        """The event time (ns) to publish for the recorded `ts` while the wall clock says `now`."""
        if not self._shifted:
            return ts
        return self._began + self._after_beginning(ts) if self._paced else now

    def _after_beginning(self, recorded: int) -> int:
        return (recorded - self._first) * self._denominator // self._numerator
