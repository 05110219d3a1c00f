"""Where bars begin and end: epoch floors up to one hour, the venue's trading date for one day."""

from collections.abc import Callable
from typing import Final

from storage.models.market_data import Timeframe

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND

FLOORED: Final[dict[Timeframe, int]] = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": 60 * MINUTE}

DayOf = Callable[[str, int], tuple[int, int, int]]
"""(symbol, event time in ns) -> (start, begin, end) in ns of the venue's trading date that holds that time.

`start` is what the daily bar is called by (midnight UTC of the date, docs/decisions/0017); it holds `begin` <= t < `end`.
Days tile the time without overlap, and `begin` and `end` are whole minutes: bars are merged out of minutes.
"""


def utc_day(_symbol: str, moment: int) -> tuple[int, int, int]:
    """The UTC date, left-closed and right-open: the trading date of venues that never close."""
    start = moment - moment % DAY
    return start, start, start + DAY


def bounds_of(timeframe: Timeframe, symbol: str, moment: int, day_of: DayOf) -> tuple[int, int, int]:
    """(start, begin, end) in ns of the bar of `timeframe` that holds `moment` (ns since the epoch)."""
    size = FLOORED.get(timeframe)
    if size is None:
        return day_of(symbol, moment)
    start = moment - moment % size
    return start, start, start + size
