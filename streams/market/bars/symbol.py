"""The bars of one symbol: the newest of each timeframe, and the prints of the present minute that wait to be merged."""

from storage.models.market_data import Timeframe
from streams.market.bars.bar import WorkingBar
from streams.market.bars.intervals import MINUTE, SECOND
from streams.market.bars.prints import Print

FINAL_AFTER = 2 * SECOND
NEVER = -(2**63)


class SymbolBars:
    """`latest` is the greatest event time so far (ns) and `latest_taken_in` when that record was taken in; `minute`
    and `minute_end` bound the minute that holds it. `pending` are prints of that minute, merged into no bar yet; `late`
    are prints of one earlier minute, which begins at `late_minute`.
    """

    __slots__ = (
        "late",
        "late_minute",
        "latest",
        "latest_taken_in",
        "minute",
        "minute_end",
        "newest",
        "pending",
        "symbol",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.latest = self.minute = self.minute_end = self.late_minute = NEVER
        self.latest_taken_in = 0
        self.pending: list[Print] = []
        self.late: list[Print] = []
        self.newest: dict[Timeframe, WorkingBar] = {}

    def see(self, moment: int, taken_in: int) -> None:
        """Note an event time; an earlier one than the greatest changes nothing."""
        if moment > self.latest:
            self.latest, self.latest_taken_in = moment, taken_in
            if moment >= self.minute_end:
                self.move_to(moment)

    def move_to(self, moment: int) -> None:
        """Make the minute of `moment` the present one."""
        self.minute = moment - moment % MINUTE
        self.minute_end = self.minute + MINUTE

    def clock(self, now: int) -> int:
        """The symbol's own time: its greatest event time, gone on as the wall clock has since that was taken in.

        So a recording that is replayed years later is final 2 s after a bar's end just as a live market is.
        """
        return self.latest + max(0, now - self.latest_taken_in)

    def due(self, now: int) -> list[WorkingBar]:
        """The open bars that ended 2 s ago or earlier by the symbol's own time."""
        limit = self.clock(now) - FINAL_AFTER
        return [bar for bar in self.newest.values() if not bar.final and bar.end <= limit]
