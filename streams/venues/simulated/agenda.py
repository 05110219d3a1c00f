"""When to look at which symbol next: so that the clock costs nothing for symbols that have nothing due. Pure."""

import heapq
from typing import Final

_NEVER: Final = 1 << 63


class Agenda:
    """One time (ns) a symbol, the earliest that was asked for."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def look(self, symbol: str, at: int) -> None:
        """Give `symbol` out at `at`, or earlier where that was asked for before."""
        if at < self._at.get(symbol, _NEVER):
            self._at[symbol] = at
            heapq.heappush(self._heap, (at, symbol))

    def take(self, now: int) -> list[str]:
        """The symbols whose time has come; each is given out once."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            at, symbol = heapq.heappop(self._heap)
            if self._at.get(symbol) == at:
                del self._at[symbol]
                due.append(symbol)
        return due

    def drop(self, symbol: str) -> None:
        """Do not give `symbol` out."""
        self._at.pop(symbol, None)
