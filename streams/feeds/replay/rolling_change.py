"""The change of a price over the last 24 hours, in constant memory. Pure."""

from collections import deque
from decimal import Decimal

_MINUTE = 60_000_000_000
_WINDOW_MINUTES = 24 * 60
_STEP = Decimal("0.0001")


class RollingChange:
    """Per cent from the first price of the last 24 hours to the newest, to four decimals (as exchanges' 24 h tickers).

    The window moves in whole minutes and keeps the first price of each (at most 1,441).
    """

    def __init__(self) -> None:
        self._openings: deque[tuple[int, str]] = deque()
        self._minute = -1
        self._last: str | None = None
        self._text: str | None = None

    def take(self, ts: int, price: str) -> str | None:
        """The change after `price` at `ts` (ns), canonical, such as "-1.25"; None where the window begins at price 0.

        A time before the newest counts as the newest.
        """
        minute = ts // _MINUTE
        if minute > self._minute:
            self._minute = minute
            self._openings.append((minute, price))
            while self._openings[0][0] <= minute - _WINDOW_MINUTES:
                self._openings.popleft()
        elif price == self._last:
            return self._text
        self._last = price
        self._text = _percent(self._openings[0][1], price)
        return self._text


def _percent(opening: str, price: str) -> str | None:
    if opening == price:
        return None if price == "0" else "0"
    first = Decimal(opening)
    if not first:
        return None
    change = ((Decimal(price) - first) * 100 / abs(first)).quantize(_STEP)
    text = f"{change:f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
